"""Which of onnxruntime's execution providers there are here, and which ones a name stands for.

The provider "native" is none of onnxruntime's; `edgeseq providers` lists it too, where it can be used.
"""

from edgeseq_runtime.backends.ort.providers import CPU, Provider, available, candidates, devices, is_arm, register

__all__ = ["CPU", "Provider", "available", "candidates", "devices", "is_arm", "register"]
