"""edgeseq: from a sensor series to a forecaster running on a device.

The main job in code:

    series, parts = edgeseq.load("co2")
    checkpoint = edgeseq.fit(series, parts, horizon=4)
    model = edgeseq_export.export(checkpoint)       # then edgeseq_runtime.Predictor(model.content)
"""

from typing import TYPE_CHECKING, Any

from edgeseq_runtime.version import __version__

if TYPE_CHECKING:
    from edgeseq.series import load
    from edgeseq.training.fitting import fit

__all__ = ["__version__", "fit", "load"]


def __getattr__(name: str) -> Any:
    """Import torch and polars when they are first needed: the device has neither."""
    if name == "fit":
        from edgeseq.training.fitting import fit

        return fit
    if name == "load":
        from edgeseq.series import load

        return load
    raise AttributeError(f"module 'edgeseq' has no attribute {name!r}")
