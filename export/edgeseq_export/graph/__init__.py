"""The step graph as ONNX: its nodes, its weights, and how these are rounded."""
