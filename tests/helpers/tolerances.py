"""How far engines may be apart in tests, and why so far. What an export allows is in `edgeseq_export.tolerances`.

As a share of the series' scale, a target's standard deviation, where nothing else is said. Where forecasts are far from
zero the tests add one or two units in float32's last place.
"""

from edgeseq_export import tolerances

ORACLE = tolerances.FORECAST["none"]
"""Of graph, torch and native from the oracle, for random networks, which may be chaotic. Measured: 4e-7."""

C_FROM_ORACLE = 1e-6
"""Of the C in float from the oracle after 10,000 steps. Measured: 6e-7."""

C_FED_BACK = 3e-5
"""Of the C from `Predictor` where samples are missing: an error grows where forecasts are fed back."""

STEP_FROM_CHUNK = 1e-6
"""Of the form "step" from the form "chunk". Measured: 0 for most networks, 1e-7 at worst."""

MODULE = 2e-6
"""Of a PyTorch module's file from the module, absolute and relative, in the samples' unit: a few roundings."""

ARM: dict[str, float] = {"none": 1e-6, "int8": 1e-6, "int8-dynamic": 1e-3}
"""Quantisation -> of an emulated ARM computer from this machine. Measured: 2.4e-7, on 64 and 32 bits; with activations
that are rounded at each step, and once in a while to the other side, 4.5e-4 on 32 bits."""

WEBGPU = 1e-6
"""Of an emulated graphics card from this machine. Measured: 2.4e-7."""
