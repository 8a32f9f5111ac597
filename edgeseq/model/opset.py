"""The version of ONNX's operators that model files are written for."""

DEFAULT = 17
"""Loaded by every onnxruntime from 1.14 on."""

OLDEST = 14
"""The first with the recurrent nodes in the form that the graph uses."""
