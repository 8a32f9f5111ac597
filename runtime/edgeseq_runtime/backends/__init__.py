"""What computes a step: onnxruntime, or the model's own C ("native"); `base` is what both promise."""
