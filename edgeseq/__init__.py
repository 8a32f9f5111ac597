"""edgeseq: from a sensor series to a forecaster running on a device.

The main job in code:

    series, parts = edgeseq.load("co2")
    checkpoint = edgeseq.fit(series, parts, horizon=4)
    model = edgeseq_export.export(checkpoint)       # then edgeseq_runtime.Predictor(model.content)
    figures = edgeseq.evaluate(model.content, "co2")
"""

import sys

if sys.argv[:1] == ["-m"]:  # only while Python looks for what `-m edgeseq` names, before it comes to `__main__`
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback, until there is a handler

from importlib import import_module
from typing import TYPE_CHECKING

from edgeseq_runtime.version import __version__

if TYPE_CHECKING:
    from edgeseq.model_evaluation import evaluate
    from edgeseq.series import load
    from edgeseq.training.fitting import fit

__all__ = ["__version__", "evaluate", "fit", "load"]

_HOMES = {"evaluate": "edgeseq.model_evaluation", "fit": "edgeseq.training.fitting", "load": "edgeseq.series"}
"""Where each function is defined. They are imported when first needed: the device has neither torch nor polars."""


def __getattr__(name: str) -> object:
    """Return a public function."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'edgeseq' has no attribute {name!r}")
