"""The oracle against worked numbers and against torch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.reference import Oracle, gru_step, lstm_gates, lstm_step, rnn_step, sigmoid
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_runtime.spec import Spec


def test_the_classic_example_of_a_recurrent_cell_by_hand() -> None:
    """X = [1, 2] from state [0, 0]: states [0.537, 0.462], [0.860, 0.884]; outputs 1.56, 2.73."""
    W = np.array([[0.5], [0.6]])
    R = np.array([[0.1, 0.2], [0.3, 0.4]]).T  # the example writes state @ W_state
    bias, zero = np.array([0.1, -0.1]), np.zeros(2)
    h = np.zeros((1, 2))
    states, outputs = [], []
    for x in (1.0, 2.0):
        h = rnn_step(np.array([[x]]), h, W, R, bias, zero)
        states.append(h[0])
        outputs.append(float((h @ [[1.0], [2.0]])[0, 0] + 0.1))
    np.testing.assert_allclose(states, [[0.537, 0.462], [0.860, 0.884]], atol=5e-4)
    np.testing.assert_allclose(outputs, [1.56, 2.73], atol=5e-3)


def test_an_lstm_whose_gates_are_set_by_hand() -> None:
    """Input gate open, forget gate open, output gate open, new state tanh(x): the cell adds up what it sees."""
    wide_open = 40.0
    W = np.array([[0.0], [0.0], [1.0], [0.0]])
    R = np.zeros((4, 1))
    bias = np.array([wide_open, wide_open, 0.0, wide_open])
    h = c = np.zeros((1, 1))
    for x in (0.5, -0.2):
        h, c = lstm_step(np.array([[x]]), h, c, W, R, bias, np.zeros(4))
    total = np.tanh(0.5) + np.tanh(-0.2)
    np.testing.assert_allclose(c, [[total]], rtol=1e-12)
    np.testing.assert_allclose(h, [[np.tanh(total)]], rtol=1e-12)


def test_an_lstms_gates_come_by_their_names() -> None:
    """With weights of zero each gate is what its bias makes it: c' = 0.2 * 1 + 0.1 * 0.3, h' = 0.4 tanh(c')."""
    i, f, g, o = 0.1, 0.2, 0.3, 0.4
    bias = np.array([np.log(i / (1 - i)), np.log(f / (1 - f)), np.arctanh(g), np.log(o / (1 - o))])
    one, nothing = np.ones((1, 1)), np.zeros((4, 1))
    gates = lstm_gates(one, one, nothing, nothing, bias, np.zeros(4))
    assert {name: gate.item() for name, gate in gates._asdict().items()} == pytest.approx(
        {"i": i, "f": f, "g": g, "o": o}
    )
    h, c = lstm_step(one, one, one, nothing, nothing, bias, np.zeros(4))
    assert c.item() == pytest.approx(0.23)
    assert h.item() == pytest.approx(0.4 * np.tanh(0.23))


def test_a_gru_whose_update_gate_is_shut_to_the_new_keeps_its_state() -> None:
    W, R = np.zeros((3, 1)), np.zeros((3, 1))
    keep = np.array([0.0, 40.0, 0.0])  # reset, update, new
    h = gru_step(np.array([[7.0]]), np.array([[0.3]]), W, R, keep, np.zeros(3))
    np.testing.assert_allclose(h, [[0.3]], rtol=1e-12)


def test_the_sigmoid_does_not_overflow() -> None:
    np.testing.assert_array_equal(sigmoid(np.array([-1e300, 0.0, 1e300])), [0.0, 0.5, 1.0])


@given(
    cell=st.sampled_from(["lstm", "gru", "rnn"]),
    layers=st.integers(1, 3),
    hidden=st.integers(1, 12),
    inputs=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_the_cells_are_torchs(cell: str, layers: int, hidden: int, inputs: int, seed: int) -> None:
    """Step by step the oracle's layers give what torch gives for the whole sequence, states included."""
    torch.manual_seed(seed)
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
    network = kind(inputs, hidden, layers).double()
    x = torch.randn(9, 2, inputs, dtype=torch.float64)
    with torch.no_grad():
        wanted, final = network(x)
    oracle = Oracle(
        make_spec(cell=cell, layers=layers, hidden=hidden),
        {f"cell.{name}": value.detach().numpy() for name, value in network.named_parameters()}
        | {"head.weight": np.eye(hidden), "head.bias": np.zeros(hidden)},
    )
    memory = {f"{kind}{layer}": np.zeros((2, hidden)) for layer in range(1, layers + 1) for kind in "hc"}
    for row in range(len(x)):
        np.testing.assert_allclose(oracle.network(x[row].numpy(), memory), wanted[row], atol=1e-12)
    hidden_states = final[0] if cell == "lstm" else final
    np.testing.assert_allclose(memory[f"h{layers}"], hidden_states[-1], atol=1e-12)


def test_streams_in_a_batch_do_not_touch_each_other() -> None:
    checkpoint = make_checkpoint(features=2, horizon=2)
    oracle = Oracle(checkpoint.spec, checkpoint.weights)
    x = np.random.default_rng(0).standard_normal((8, 3, 2))
    together, _ = oracle.run(x)
    for stream in range(3):
        alone, _ = oracle.run(x[:, stream : stream + 1])
        np.testing.assert_allclose(together[:, stream : stream + 1], alone, atol=1e-12)


def spec_and_weights(**choices: object) -> tuple[Spec, dict[str, np.ndarray]]:
    checkpoint = make_checkpoint(**choices)  # type: ignore[arg-type]
    return checkpoint.spec, dict(checkpoint.weights)


def test_a_fresh_stream_sees_no_jump_at_its_first_sample() -> None:
    """A network that sees changes only says the same after the first sample, whatever that sample is."""
    spec, weights = spec_and_weights(levels=0)
    oracle = Oracle(spec, weights)
    first, _ = oracle.step([[0.0]], oracle.fresh())
    other, _ = oracle.step([[1000.0]], oracle.fresh())
    assert other - 1000.0 == pytest.approx(first, abs=1e-9)


def test_the_forecast_is_the_last_sample_plus_the_scaled_output() -> None:
    """With a head of zeros and a bias of one, the forecast is the sample plus the target's scale."""
    spec, weights = spec_and_weights(horizon=2, features=2, targets=2)
    weights["head.weight"] = np.zeros_like(weights["head.weight"])
    weights["head.bias"] = np.ones_like(weights["head.bias"])
    oracle = Oracle(spec, weights)
    y, _ = oracle.step([[5.0, 7.0]], oracle.fresh())
    scales = spec.target_scales
    wanted = [5 + scales[0][0], 7 + scales[0][1], 5 + scales[1][0], 7 + scales[1][1]]
    np.testing.assert_allclose(y[0], wanted, rtol=1e-12)
