"""The starter's step function: torch beside the oracle, and what must hold of any sensor whatever the weights are."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.model import running_scale
from edgeseq.reference import Oracle
from edgeseq.starter import made_up, spec
from edgeseq.starter.network import Network, normalise
from edgeseq_runtime.arrays import Float64


def network(seed: int = 0, dtype: torch.dtype = torch.float64) -> Network:
    """A network whose head says something: a fresh one says 0."""
    torch.manual_seed(seed)
    made = Network().to(dtype)
    torch.nn.init.normal_(made.head.weight, std=0.1)
    torch.nn.init.normal_(made.head.bias, std=0.1)
    return made


def streamed(made: Network, series: Float64) -> Float64:
    """Forecasts (time, series, HORIZON) of series (series, time)."""
    dtype = made.head.weight.dtype
    return made.stream(torch.from_numpy(np.ascontiguousarray(series.T)).to(dtype)).double().numpy()


def by_oracle(made: Network, series: Float64) -> Float64:
    oracle = Oracle(spec.spec(), {name: value.numpy() for name, value in made.state_dict().items()})
    return oracle.run(series.T[..., None])[0]


SERIES = made_up.series(np.random.default_rng(3), 24, 700)


def test_torch_agrees_with_the_oracle() -> None:
    """In float64 to rounding: they share no code but the LSTM's definition. Measured: 4.4e-15."""
    made = network()
    np.testing.assert_allclose(streamed(made, SERIES), by_oracle(made, SERIES), rtol=0, atol=1e-12)


def test_float32_is_as_good_where_the_offset_is_large() -> None:
    """A stream at 100,000 with deviation 100, in float32: the offset cancels before anything is scaled.

    The oracle gets the same rounded samples. Half a unit in the last place of the forecast is 0.004. Measured: 0.0040.
    """
    series = (100_000 + 100 * SERIES).astype(np.float32).astype(np.float64)
    made = network()
    exact = by_oracle(made, series)
    np.testing.assert_allclose(streamed(made.float(), series), exact, rtol=0, atol=0.01)


def test_the_first_forecast_is_persistence() -> None:
    forecasts = streamed(network(), SERIES[:, :1])
    assert (forecasts[0] == SERIES[:, :1]).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -273.15, 1e9, 1e-6])
def test_a_constant_series_is_forecast_as_that_constant_exactly(value: float) -> None:
    constant = np.full((1, 1000), value, np.float32).astype(np.float64)
    assert (streamed(network(dtype=torch.float32), constant) == constant[0, 0]).all()


@settings(max_examples=25)
@given(power=st.integers(-20, 30), sign=st.sampled_from([-1, 1]), seed=st.integers(0, 100))
def test_scales_from_a_millionth_to_a_billion_change_nothing(power: int, sign: int, seed: int) -> None:
    """In float32; powers of two, by which samples are scaled without rounding."""
    made = network(seed, torch.float32)
    series = SERIES[:4, :150]
    scaled = streamed(made, series * 2.0**power)
    np.testing.assert_allclose(scaled / 2.0**power, streamed(made, series), rtol=0, atol=1e-5)
    assert np.isfinite(streamed(made, series * sign * 2.0**power)).all()


@settings(max_examples=25)
@given(offset=st.floats(-1000, 1000), seed=st.integers(0, 100))
def test_an_offset_of_a_thousand_deviations_changes_nothing(offset: float, seed: int) -> None:
    """In float32, on samples that float32 can hold at either place: multiples of 2^-12 of the deviation."""
    made = network(seed, torch.float32)
    series = np.round(SERIES[:4, :150] * 2**12) / 2**12
    offset = round(offset * 2**12) / 2**12
    moved = streamed(made, series + offset) - offset
    np.testing.assert_allclose(moved, streamed(made, series), rtol=0, atol=1e-4)


def test_it_is_a_step_function() -> None:
    """Two halves, the state carried over, give what one call gives."""
    made, samples = network(), torch.from_numpy(np.ascontiguousarray(SERIES.T))
    state, memory, parts = torch.zeros(24, running_scale.STATES, dtype=torch.float64), made.fresh(24), []
    with torch.no_grad():
        for half in (samples[:300], samples[300:]):
            *seen, state = normalise(half, state)
            changes, memory = made(*seen, memory)
            parts.append((half[..., None] + changes).numpy())
    np.testing.assert_allclose(np.concatenate(parts), streamed(made, SERIES), rtol=0, atol=1e-12)


def test_what_the_network_sees_is_bounded_whatever_comes() -> None:
    """Jumps by factors of 1e12, long rests, single changes: nothing it sees exceeds 8. Measured: 6.9."""
    random = np.random.default_rng(0)
    size = 10.0 ** random.uniform(-6, 9, (32, 2000))
    series = np.where(random.random((32, 2000)) < 0.02, size, 0.0)
    features, scale, _, state = normalise(
        torch.from_numpy(np.ascontiguousarray(series.T, np.float32)), torch.zeros(32, running_scale.STATES)
    )
    assert torch.isfinite(features).all()
    assert torch.isfinite(scale).all()
    assert torch.isfinite(state).all()
    assert features.abs().max() < 8


def test_the_scale_by_itself_is_the_state_of_the_step_function() -> None:
    """What residuals are divided by, without any network: of 24 series, 300 samples each."""
    oracle = Oracle(spec.spec(), {name: value.numpy() for name, value in network().state_dict().items()})
    states = oracle.fresh(24)
    scales = []
    for x in SERIES[:, :300].T:
        _, states = oracle.step(x[:, None], states)
        scales.append(states["scale"][0, :, 0])
    expected = np.stack([running_scale.scales(series) for series in SERIES[:, :300]], axis=1)
    np.testing.assert_allclose(np.stack(scales), expected, rtol=1e-12)
