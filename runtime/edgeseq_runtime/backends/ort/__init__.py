"""The backend of onnxruntime: the only place that imports it."""
