"""Windows: what is drawn are stretches of the series, each once an epoch, as one step or as many."""

from collections import Counter
from dataclasses import replace
from typing import Unpack

import numpy as np
import pytest
import torch

import edgeseq
import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series
from edgeseq.training.distributed import ProcessGroup
from edgeseq.training.network import Network
from edgeseq.training.options import TrainingKeywords, TrainingOptions
from edgeseq.training.plan import Plan, plan
from edgeseq.training.validation import WindowValidator
from edgeseq.training.windows import Windows, scaled, windows
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError, UsageError

WINDOW, HORIZON = 7, 2


def made_up(samples: int = 400, *, gaps: bool = True) -> tuple[Series, Parts]:
    """Two columns, the first to be forecast; two samples are missing, and at another place ten in a row."""
    random = np.random.default_rng(0)
    values = np.column_stack([np.sin(np.arange(samples) / 9) * 5 + 20, random.standard_normal(samples)])
    values = (values + 0.1 * random.standard_normal(values.shape)).astype(np.float32)
    if gaps:
        values[60:62, 0] = np.nan
        values[150:160] = np.nan
    ends = int(0.7 * samples), int(0.8 * samples)
    parts = Parts(values[: ends[0]], Part(values[: ends[1]], ends[0]), Part(values, ends[1]))
    return Series("made", ("a", "b"), ("", ""), 1, values, np.arange(samples)), parts


def planned(layout: str, /, **options: Unpack[TrainingKeywords]) -> tuple[Plan, Parts]:
    series, parts = made_up()
    chosen: TrainingKeywords = {
        "layout": layout,
        "window": WINDOW,
        "horizon": HORIZON,
        "steps": 5,
        "hidden": 4,
        **options,
    }
    return plan(series, parts, TrainingOptions(**chosen)), parts


def batches(made: Plan) -> Windows:
    return Windows(made.spec, made.hyperparameters, made.train, Network(made.spec), torch.device("cpu"), ProcessGroup())


def hand_cut(made: Plan) -> dict[int, np.ndarray]:
    """Row that a window ends at -> the window's raw values, (window, feature), for windows whose truth is known."""
    values = np.asarray(made.train.values, np.float64)
    found = {}
    for end in range(WINDOW - 1, len(values) - HORIZON):
        window, ahead = values[end - WINDOW + 1 : end + 1], made.train.observed[end + 1 : end + 1 + HORIZON, 0]
        if np.isfinite(window).all() and ahead.all() and made.train.observed[end].all():
            found[end] = window
    return found


class Listener(torch.nn.Module):
    """Stands where the network is, and notes what it is given."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.heard: list[np.ndarray] = []
        self.outputs = outputs

    def forward(self, signal: torch.Tensor, _memory: object) -> tuple[torch.Tensor, None]:
        self.heard.append(signal.numpy())
        return torch.zeros(len(signal), signal.shape[1], self.outputs), None

    def fresh(self, _batch: int) -> None:
        return None


@pytest.mark.parametrize("layout", ["features", "steps"])
def test_a_batch_holds_windows_of_the_series(layout: str) -> None:
    """As one step of window * feature numbers, time slowest; or as many steps of the features."""
    made, _ = planned(layout)
    spec, cut = made.spec, hand_cut(made)
    center, scale = ([getattr(feature, name) for feature in spec.features] for name in ("center", "scale"))
    wanted = {((window - center) / scale).astype(np.float32).tobytes() for window in cut.values()}
    listener = Listener(spec.outputs)
    drawn = batches(made)
    for step in range(200):
        drawn.loss(listener, np.random.default_rng(step))  # type: ignore[arg-type]
    heard = np.concatenate(listener.heard, axis=1)
    if layout == "features":
        assert heard.shape == (1, 200 * made.hyperparameters.batch_size, WINDOW * 2)
        found = heard[0].reshape(-1, WINDOW, 2)
    else:
        assert heard.shape == (WINDOW, 200 * made.hyperparameters.batch_size, 2)
        found = heard.transpose(1, 0, 2)
    assert {np.ascontiguousarray(window).tobytes() for window in found} == wanted


@pytest.mark.parametrize("layout", ["features", "steps"])
def test_the_loss_is_the_mean_square_of_what_the_network_misses(layout: str) -> None:
    """Of a network that says nothing, against the series' own next values."""
    made, _ = planned(layout)
    spec, values = made.spec, made.train.values.astype(np.float64)
    drawn, shadow = batches(made), batches(made)
    found = drawn.loss(Listener(spec.outputs), np.random.default_rng(3))  # type: ignore[arg-type]
    ends = shadow.rows[shadow.draw(np.random.default_rng(3))]
    last = 0 if spec.predicts == "value" else values[ends, 0]
    center = spec.features[0].center if spec.predicts == "value" else 0
    missed = np.stack([values[ends + ahead, 0] - center - last for ahead in (1, 2)], axis=1)
    stds = np.array([feature.std for feature in spec.target_features])
    scales = np.array(spec.target_scales)[:, 0]
    # Each step ahead counts as it does in the standardised error, 1 on average.
    weight = (scales / stds) ** 2 / np.mean((scales / stds) ** 2)
    assert float(found) == pytest.approx(float((np.square(missed / scales) * weight).mean()), rel=1e-5)


def test_a_buffer_of_all_windows_gives_each_once_an_epoch_on_average() -> None:
    made, _ = planned("steps")
    made = replace(made, hyperparameters=replace(made.hyperparameters, shuffle_buffer=10_000))
    drawn, rows = batches(made), len(hand_cut(made))
    counts: Counter[int] = Counter()
    epochs = 200
    for step in range(epochs * rows // made.hyperparameters.batch_size):
        counts.update(drawn.draw(np.random.default_rng(step)).tolist())
    assert set(counts) == set(range(rows))
    times = np.array(list(counts.values()))
    assert times.mean() == pytest.approx(epochs, rel=0.01)
    # A window waits at its place for a time that has the buffer's size as mean: counts are Poisson-like.
    assert times.std() < 2 * epochs**0.5


def test_a_small_buffer_gives_windows_nearly_in_time_order() -> None:
    """What is in the buffer entered it lately: that is what its size is for."""
    made, _ = planned("steps")
    made = replace(made, hyperparameters=replace(made.hyperparameters, shuffle_buffer=10, batch_size=1))
    drawn = batches(made)
    rows = [int(drawn.draw(np.random.default_rng(step))[0]) for step in range(150)]
    assert all(row <= 9 + number for number, row in enumerate(rows))
    assert set(range(60)) <= set(rows)


def test_no_window_reaches_over_a_long_gap_nor_has_a_truth_that_was_filled_in() -> None:
    made, _ = planned("features")
    rows = set(batches(made).rows.tolist())
    assert rows == set(hand_cut(made))
    assert not rows & set(range(148, 166))  # within the gap, within a window after it, or aimed at it
    assert not rows & {58, 59, 60, 61}  # aimed at samples that were filled in, or at them
    assert {57, 62, 147, 166} <= rows


def test_windows_end_at_their_rows() -> None:
    values = np.arange(20, dtype=np.float32)[:, None] * np.array([1, 100], np.float32)
    made, _ = planned("steps")
    steps = windows(made.spec, values, np.array([6, 19]))
    assert steps[:, 1, 0].tolist() == [13, 14, 15, 16, 17, 18, 19]
    made, _ = planned("features")
    one = windows(made.spec, values, np.array([6]))
    assert one[0, 0].tolist() == [0, 0, 1, 100, 2, 200, 3, 300, 4, 400, 5, 500, 6, 600]


@pytest.mark.parametrize("layout", ["features", "steps"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_what_was_trained_on_windows_streams_as_it_was_validated(layout: str, cell: str) -> None:
    """The exported file's error over the validation part, streamed, is that which training noted."""
    series, parts = made_up()
    checkpoint = edgeseq.fit(
        series, parts, layout=layout, window=WINDOW, horizon=HORIZON, steps=20, hidden=4, cell=cell, layers=1
    )
    assert (checkpoint.spec.layout, checkpoint.spec.window, checkpoint.spec.warmup) == (layout, WINDOW, WINDOW)
    assert checkpoint.spec.training
    part = parts.validation
    made = Predictor(edgeseq_export.export(checkpoint).content).run(part.values)[:, :, 0].astype(np.float64)
    truth = part.values[:, 0].astype(np.float64)
    ends = range(part.start - 1, len(truth) - HORIZON)
    missed = [(made[end] - truth[end + 1 : end + 1 + HORIZON]) / checkpoint.spec.features[0].std for end in ends]
    assert np.mean(np.square(missed)) == pytest.approx(checkpoint.spec.training.validation_mse, rel=1e-4)


def test_validation_in_pieces_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made, parts = planned("steps")
    network = Network(made.spec)
    judge = WindowValidator(made.spec, parts.validation, torch.device("cpu"))
    whole = judge.mse(network)
    monkeypatch.setattr("edgeseq.training.validation.BLOCK", 7)
    assert judge.mse(network) == pytest.approx(whole, rel=1e-6)


def test_windows_are_scaled_as_the_spec_says() -> None:
    made, _ = planned("steps")
    found = scaled(made.spec, made.train.values[:50])
    for column, feature in enumerate(made.spec.features):
        wanted = (made.train.values[:50, column].astype(np.float64) - feature.center) / feature.scale
        np.testing.assert_allclose(found[:, column], wanted, rtol=1e-6, atol=1e-6)


def test_a_window_where_there_is_none_is_refused() -> None:
    series, parts = made_up()
    with pytest.raises(UsageError, match="a stream has no window"):
        plan(series, parts, TrainingOptions(window=7))
    with pytest.raises(UsageError, match="--warmup"):
        plan(series, parts, TrainingOptions(layout="steps", warmup=7))


def test_a_window_longer_than_every_stretch_is_refused() -> None:
    series, parts = made_up()
    with pytest.raises(DataError, match="300"):
        plan(series, parts, TrainingOptions(layout="steps", window=300))


def test_a_window_model_survives_the_file(tmp_path: object) -> None:
    series, parts = made_up(gaps=False)
    checkpoint = edgeseq.fit(series, parts, layout="features", steps=5, hidden=4)
    path = f"{tmp_path}/model"
    checkpoint.save(path)
    assert Checkpoint.load(path).spec == checkpoint.spec
    assert checkpoint.spec.window == 10
