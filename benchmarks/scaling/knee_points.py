"""The knee points of the curves, computed from them."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.scaling.axes import BY_NAME, CASES, HIDDEN, HORIZON, LAYERS, MANY, MANY_NATIVE, POOL, STREAMS
from benchmarks.scaling.curves import Measured, along

_L2 = 2
"""The level of the largest cache that a core has for itself."""

_WORSE = 1.15
"""A time is worse than the least where it is so many times as long: more than rounds differ."""


def describe(measured: Sequence[Measured], caches: Mapping[int, int]) -> Iterator[str]:
    """Yield a line for each curve that was measured, by the least times."""
    for axis, cases in CASES.items():
        for case in cases:
            curve = along(measured, axis, case)
            if len(curve) < 2:
                continue
            if axis == HIDDEN:
                told = _of_width(curve, caches.get(_L2))
            elif axis in (LAYERS, HORIZON):
                told = f"{slope(curve):.3g} us for each further {'layer' if axis == LAYERS else 'step ahead'}"
            elif case.call == BY_NAME:
                times = [one.minimum for one in curve]
                told = f"{min(times):.1f} to {max(times):.1f} us, whatever the pool's size"
            else:
                told = _of_pools(curve)
            yield f"{axis}, {case}: {told}"
    pays = pays_up_to(along(measured, HIDDEN, MANY_NATIVE), along(measured, HIDDEN, MANY))
    if pays:
        yield f"hidden, {MANY_NATIVE}: no slower than {MANY} up to {pays}"


def pays_up_to(own: Sequence[Measured], others: Sequence[Measured]) -> int | None:
    """Return the last value up to which one curve takes no longer than another of the same values."""
    last = None
    for one, other in zip(own, others, strict=False):
        if one.minimum > other.minimum:
            break
        last = one.point.value
    return last


def half_overhead(calls: Sequence[Measured]) -> float:
    """Return at how many streams a call's own cost is as large as that of all its samples.

    A call of n streams takes c + n m: c + m is that of one stream, m the least time a sample.
    """
    least = min(one.minimum for one in calls)
    return (calls[0].minimum - least) / least


def worse_from(calls: Sequence[Measured]) -> Measured | None:
    """Return the first point beyond the fastest one at which a sample takes notably longer again."""
    least = min(calls, key=lambda one: one.minimum)
    later = calls[calls.index(least) :]
    return next((one for one in later if one.minimum > _WORSE * least.minimum), None)


def read_rates(curve: Sequence[Measured], cache: int) -> tuple[float, float]:
    """Return at how many bytes a microsecond further weights are read: while all fit into a cache, and beyond it.

    By differences between neighbours, so that what each call costs drops out: from the last network but two to the last
    that fills no more than two thirds of the cache, and between the two largest.
    """
    inside = [one for one in curve if one.point.network.weight_bytes <= cache * 2 / 3]
    return _rate(*inside[-2:]), _rate(*curve[-2:])


def slope(curve: Sequence[Measured]) -> float:
    """Return microseconds for each unit along the axis, from the first point to the last."""
    first, last = curve[0], curve[-1]
    return (last.minimum - first.minimum) / (last.point.value - first.point.value)


def _rate(smaller: Measured, larger: Measured) -> float:
    more = larger.point.network.weight_bytes - smaller.point.network.weight_bytes
    return more / (larger.minimum - smaller.minimum)


def _of_pools(calls: Sequence[Measured]) -> str:
    best, worse = min(calls, key=lambda one: one.minimum), worse_from(calls)
    text = f"least at {best.point.value} with {best.minimum:.2f} us"
    if calls[0].point.axis == STREAMS and calls[0].point.value == 1:
        text = f"{calls[0].minimum:.1f} us for one, half of it the call's up to {half_overhead(calls):.0f}, {text}"
    return f"{text}, worse again from {worse.point.value} on" if worse else text


def _of_width(curve: Sequence[Measured], cache: int | None) -> str:
    if curve[0].point.case.call == POOL:
        rates = [one.rate for one in curve]
        return f"{rates[0]:.0f} to {max(rates):.0f} GFLOP/s"
    text = f"{curve[0].minimum:.1f} us at {curve[0].point.value}"
    beyond = [one for one in curve if cache and one.point.network.weight_bytes > cache]
    if not cache or not beyond or len(curve) - len(beyond) < 2:
        return text
    near, far = read_rates(curve, cache)
    return (
        f"{text}; the weights outgrow the core's own {cache / 1e6:.1f} MB at {beyond[0].point.value}, "
        f"{beyond[0].minimum:.0f} us: within it they are read at {near / 1000:.0f} GB/s, beyond at {far / 1000:.0f}"
    )
