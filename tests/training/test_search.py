"""The search for settings: it never ends worse than the defaults, never looks at the test part, and survives kills."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, Unpack

import numpy as np
import pytest

import edgeseq_export
from edgeseq.commands import train_search as searching
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import load
from edgeseq.training.distributed import ProcessGroup
from edgeseq.training.options import TrainingKeywords, TrainingOptions
from edgeseq.training.plan import Plan, plan
from edgeseq.training.search import FINISHED, PRUNED, Search, Trial
from edgeseq.training.trainer import Trainer
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError, UsageError
from tests.conftest import CommandLine

BRIEF = ["--steps", "20", "--linear-path", "off"]


def written(folder: Path, test_part: float = 1.0, gap_every: int = 0) -> Path:
    """A noisy sine of 400 samples as a file; its test part, the last 80, may be made another."""
    random = np.random.default_rng(0)
    values = np.sin(np.arange(400) / 3) + 0.1 * random.standard_normal(400)
    values[320:] *= test_part
    lines = [f"{value:.6f}" for value in values]
    if gap_every:
        lines = ["" if row % gap_every < 5 else line for row, line in enumerate(lines)]
    path = folder / "series.csv"
    path.write_text("row,v\n" + "".join(f"{row},{line}\n" for row, line in enumerate(lines)))
    return path


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return written(tmp_path)


def words(series: Path, output: Path, *more: object) -> list[object]:
    return ["train", series, "--target", "v", "--time", "none", *BRIEF, "-o", output, *more]


def trials(output: Path) -> list[dict[str, Any]]:
    """What the search's file says of its trials, without how long they took."""
    found = json.loads(Path(f"{output}.search").read_text())["trials"]
    return [{name: value for name, value in trial.items() if name != "seconds"} for trial in found]


def weights_equal(one: Path, other: Path) -> bool:
    a, b = Checkpoint.load(one).weights, Checkpoint.load(other).weights
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def options(output: Path) -> dict[str, Any]:
    training = Checkpoint.load(output).spec.training
    assert training is not None
    return dict(training.options)


# What is chosen


def test_trial_0_is_what_training_without_a_search_makes(edgeseq: CommandLine, series: Path, tmp_path: Path) -> None:
    edgeseq.must(*words(series, tmp_path / "plain"))
    edgeseq.must(*words(series, tmp_path / "searched", "--search", 1))
    assert weights_equal(tmp_path / "plain", tmp_path / "searched")
    assert options(tmp_path / "searched") == {**options(tmp_path / "plain"), "search_trial": 0, "search_trials": 1}


def test_the_checkpoint_is_the_trial_with_the_lowest_validation_error(
    edgeseq: CommandLine, series: Path, tmp_path: Path
) -> None:
    """Computed anew through the model file, its error is the lowest in the table, and trial 0's is not lower."""
    output = tmp_path / "model"
    answer = edgeseq.must(*words(series, output, "--search", 4))
    errors = [trial["error"] for trial in trials(output)]
    assert errors.index(min(errors)) == options(output)["search_trial"] > 0
    lines = answer.out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("---")) + 1
    rows = lines[first : first + 4]
    assert [line.split()[0] for line in rows] == ["0", "1", "2", "3"]
    assert [number for number, line in enumerate(rows) if line.endswith("best")] == [errors.index(min(errors))]
    assert "persistence" in answer.out
    checkpoint = Checkpoint.load(output)
    _, parts = load(str(series), targets=["v"], time="none")
    values = parts.validation.values
    made = Predictor(edgeseq_export.build(checkpoint), adapt=False).run(values)[parts.validation.start - 1 : -1, 0, 0]
    error = (made.astype(np.float64) - values[parts.validation.start :, 0]) / checkpoint.spec.features[0].std
    assert np.mean(np.square(error)) == pytest.approx(min(errors), rel=1e-3)


def test_the_test_part_has_no_say(edgeseq: CommandLine, tmp_path: Path) -> None:
    for name, test_part in (("one", 1.0), ("other", -30.0)):
        edgeseq.must(*words(written(tmp_path, test_part), tmp_path / name, "--search", 3))
    assert trials(tmp_path / "one") == trials(tmp_path / "other")
    assert weights_equal(tmp_path / "one", tmp_path / "other")


def test_settings_typed_from_the_table_train_the_same_network(
    edgeseq: CommandLine, series: Path, tmp_path: Path
) -> None:
    answer = edgeseq.must(*words(series, tmp_path / "searched", "--search", 3))
    hidden, layers, rate, unroll = next(line for line in answer.out.splitlines() if line.endswith("best")).split()[1:5]
    by_hand = ["--hidden", hidden, "--layers", layers, "--learning-rate", rate, "--unroll", unroll]
    edgeseq.must(*words(series, tmp_path / "typed", *by_hand))
    assert weights_equal(tmp_path / "searched", tmp_path / "typed")


def test_what_the_user_gives_stays_even_if_it_is_the_default(
    edgeseq: CommandLine, series: Path, tmp_path: Path
) -> None:
    edgeseq.must(*words(series, tmp_path / "m", "--hidden", 30, "--learning-rate", 0.004, "--search", 4))
    assert all(trial["settings"].keys() == {"layers", "unroll"} for trial in trials(tmp_path / "m"))
    found = Checkpoint.load(tmp_path / "m").spec
    assert found.hidden == 30
    assert options(tmp_path / "m")["learning_rate"] == 0.004


def test_the_same_settings_are_not_trained_twice(
    edgeseq: CommandLine, series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, run = [], Trainer.run

    def noted(trainer: Trainer, *more: Any) -> bool:
        runs.append(trainer.run_id)
        return run(trainer, *more)

    monkeypatch.setattr(Trainer, "run", noted)
    fixed = ["--hidden", 8, "--learning-rate", 0.004, "--unroll", 20]
    edgeseq.must(*words(series, tmp_path / "m", *fixed, "--search", 7))
    found = trials(tmp_path / "m")
    assert len(found) == 7
    assert len(runs) == len(set(runs)) == len({trial["settings"]["layers"] for trial in found}) <= 3


def test_windows_are_searched_by_their_length_and_what_does_not_fit_fails(edgeseq: CommandLine, tmp_path: Path) -> None:
    """Of 30 samples between gaps a window of 29 leaves none to forecast: that trial fails, and the search goes on."""
    series = written(tmp_path, gap_every=35)
    layout = ["--layout", "steps", "--hidden", 8, "--layers", 1, "--learning-rate", 0.01, "--seed", 4]
    answer = edgeseq.must(*words(series, tmp_path / "m", *layout, "--search", 4))
    found = {trial["settings"]["window"]: trial["state"] for trial in trials(tmp_path / "m")}
    assert found[10] == FINISHED
    assert {window >= 29 for window in found} == {True, False}
    assert all((state == "failed") == (window >= 29) for window, state in found.items())
    assert "failed: series is too short for a warm-up" in answer.err


# Proposals and pruning


def planned(**options: Unpack[TrainingKeywords]) -> Plan:
    data, parts = load("co2")
    chosen: TrainingKeywords = {"steps": 300, **options}
    return plan(data, parts, TrainingOptions(**chosen))


def searched(folder: Path, made: Plan, fixed: tuple[str, ...] = (), seed: int = 0) -> Search:
    return Search(folder / "search", made, "run", fixed=fixed, seed=seed)


def proposals(search: Search, count: int) -> list[dict[str, Any]]:
    """Settings proposed one after the other, for an error that is lowest with hidden 16 and a rate of 0.01."""
    while len(search.trials) < count:
        settings = search.propose().settings
        error = abs(np.log(settings["hidden"] / 16)) + abs(np.log(settings["learning_rate"] / 0.01))
        search.add(Trial(settings, FINISHED, float(error), 300, 1.0, ((100, 0.5), (200, 0.4))))
    return [dict(trial.settings) for trial in search.trials]


def test_proposals_depend_on_the_seed_and_the_trials_alone(tmp_path: Path) -> None:
    made = planned()
    straight = proposals(searched(tmp_path, made), 16)
    interrupted = searched(tmp_path, made)
    proposals(interrupted, 12)
    resumed = searched(tmp_path, made)
    resumed.restore()
    assert proposals(resumed, 16) == straight
    assert proposals(searched(tmp_path, made, seed=1), 16)[1:] != straight[1:]


def test_later_proposals_are_better_than_chance(tmp_path: Path) -> None:
    search = searched(tmp_path, planned())
    proposals(search, 30)
    errors = [trial.error for trial in search.trials]
    assert np.mean(errors[20:]) < 0.75 * np.mean(errors[1:10])


def test_proposals_stay_in_their_ranges(tmp_path: Path) -> None:
    made = planned()
    for settings in proposals(searched(tmp_path, made), 20):
        assert 8 <= settings["hidden"] <= 64
        assert 1 <= settings["layers"] <= 3
        assert 0.25 <= settings["learning_rate"] / made.hyperparameters.learning_rate <= 4
        assert 0.25 <= settings["unroll"] / made.hyperparameters.unroll <= 4


@pytest.mark.parametrize(
    ("curve", "pruned"),
    [
        ([(100, 0.49), (200, 0.39)], False),
        ([(100, 0.51)], True),
        ([(50, 9.0)], False),  # within the first third
        ([(100, 0.49), (200, 0.41)], True),
        ([(100, 0.39), (200, 0.5)], False),  # it was good enough once, and those weights are kept
        ([(300, 9.0)], False),  # it is at its end anyway
    ],
)
def test_a_trial_worse_than_the_median_is_stopped(tmp_path: Path, curve: list[tuple[int, float]], pruned: bool) -> None:
    """The finished ones have 0.5 after 100 steps and 0.4 after 200; only with five of them is there a median."""
    search = searched(tmp_path, planned())
    trainer: Any = SimpleNamespace(curve=[(1, 0.1, 0.1, np.nan), *((step, 0.1, 0.1, mse) for step, mse in curve)])
    proposals(search, 4)
    assert not search.propose().is_unpromising(trainer)
    proposals(search, 5)
    proposal = search.propose()
    assert proposal.is_unpromising(trainer) == pruned
    assert proposal.is_unpromising(trainer) == pruned


# Interruptions


class Interruption:
    """In the place of `GracefulShutdown`: an end is asked for when a test says so."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed search of six trials, the last of which is pruned; the series beside it."""
    from edgeseq import cli

    folder = tmp_path_factory.mktemp("straight")
    assert cli.run([str(word) for word in words(written(folder), folder / "model", "--search", 6)]) == 0
    assert {trial["state"] for trial in trials(folder / "model")} == {FINISHED, PRUNED}
    return folder / "model"


@pytest.mark.parametrize(("number", "at_step"), [(0, 0), (0, 7), (1, 0), (1, 13), (4, 20), (5, 1)])
def test_an_interrupted_search_goes_on_to_the_same_end(
    edgeseq: CommandLine, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, at_step: int
) -> None:
    """Interrupted in a trial after one of its twenty steps, or just before it (0). And no step is trained twice."""
    output = tmp_path / "model"
    command = words(straight.parent / "series.csv", output, "--search", 6)
    steps, train_step, add = [], Trainer.train_step, Search.add
    interruption, finished = Interruption(), 0

    def reach(step: int) -> None:
        if (finished, step) == (number, at_step):
            interruption.received = signal.SIGINT

    def counted_step(self: Trainer) -> float:
        loss = train_step(self)
        steps.append(self.step)
        reach(self.step)
        return loss

    def noted_trial(self: Search, trial: Trial) -> None:
        nonlocal finished
        add(self, trial)
        finished = len(self.trials)
        reach(0)

    monkeypatch.setattr(Trainer, "train_step", counted_step)
    with monkeypatch.context() as patch:
        patch.setattr(searching, "GracefulShutdown", lambda: interruption)
        patch.setattr(Search, "add", noted_trial)
        reach(0)
        answer = edgeseq(*command)
        assert answer.code == 130
        assert "--resume continues" in answer.err
        assert len(trials(output)) == number + (at_step == 20)
        assert output.exists() == bool(trials(output)) == ("holds the best so far" in answer.err)
    edgeseq.must(*command, "--resume")
    assert trials(output) == trials(straight)
    assert output.read_bytes() == straight.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["model", "model.curve.csv", "model.search"]
    assert len(steps) == sum(trial["steps"] for trial in trials(straight))


class KilledError(BaseException):
    """What a kill is to a test."""


@pytest.mark.parametrize("number", [2, 5])
@pytest.mark.parametrize("noted", [False, True])
def test_a_kill_at_the_end_of_a_trial_loses_nothing(
    edgeseq: CommandLine, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, noted: bool
) -> None:
    """Just before or after it is noted: trial 2 is the best so far, trial 5 is pruned."""
    output = tmp_path / "model"
    command = words(straight.parent / "series.csv", output, "--search", 6)
    add = Search.add

    def killed(self: Search, trial: Trial) -> None:
        at = len(self.trials)
        if noted or at != number:
            add(self, trial)
        if at == number:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Search, "add", killed)
        with pytest.raises(KilledError):
            edgeseq(*command)
    assert len(trials(output)) == number + noted
    edgeseq.must(*command, "--resume")
    assert trials(output) == trials(straight)
    assert output.read_bytes() == straight.read_bytes()


def command(series: Path, output: Path) -> list[str]:
    brief = [str(word) for word in words(series, output, "--search", 4)]
    brief[brief.index("--steps") + 1] = "120"
    return [sys.executable, "-m", "edgeseq", *brief]


def started(series: Path, output: Path, **pipes: Any) -> "subprocess.Popen[str]":
    """A search in a process of its own, in the midst of its second trial or a later one."""
    process = subprocess.Popen(command(series, output), stdout=subprocess.DEVNULL, text=True, **pipes)
    for _ in range(1200):
        time.sleep(0.02)
        if output.exists() and Path(f"{output}.resume").exists() and trials(output):
            return process
    raise AssertionError("no trial was finished")


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_end(series: Path, tmp_path: Path) -> None:
    process = started(series, tmp_path / "killed", stderr=subprocess.DEVNULL)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 1 <= len(trials(tmp_path / "killed")) < 4
    for output, more in (("killed", ["--resume"]), ("straight", [])):
        subprocess.run([*command(series, tmp_path / output), *more], check=True, capture_output=True)
    assert trials(tmp_path / "killed") == trials(tmp_path / "straight")
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "straight").read_bytes()


def test_ctrl_c_keeps_the_best_so_far(series: Path, tmp_path: Path) -> None:
    process = started(series, tmp_path / "model", stderr=subprocess.PIPE)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "holds the best so far, of trial" in err
    assert "Traceback" not in err
    assert edgeseq_export.export(Checkpoint.load(tmp_path / "model")).content


def test_a_larger_search_goes_on_from_a_smaller_one(edgeseq: CommandLine, straight: Path, tmp_path: Path) -> None:
    series, output = straight.parent / "series.csv", tmp_path / "model"
    edgeseq.must(*words(series, output, "--search", 3))
    edgeseq.must(*words(series, output, "--search", 6, "--resume"))
    assert trials(output) == trials(straight)
    assert output.read_bytes() == straight.read_bytes()


# What is refused


def test_another_searchs_trials_are_not_resumed(edgeseq: CommandLine, series: Path, tmp_path: Path) -> None:
    output = tmp_path / "m"
    edgeseq.must(*words(series, output, "--search", 1))
    for other in (["--seed", 1], ["--hidden", 30], ["--horizon", 2], ["--linear-path", "24"]):
        answer = edgeseq(*words(series, output, *other, "--search", 2, "--resume"))
        assert answer.code == 2, other
        assert "belongs to another search" in answer.err
    assert edgeseq(*words(series, output, "--seed", 1, "--search", 1)).code == 0


def test_a_damaged_file_of_trials_is_named(edgeseq: CommandLine, series: Path, tmp_path: Path) -> None:
    output = tmp_path / "m"
    edgeseq.must(*words(series, output, "--search", 1))
    Path(f"{output}.search").write_text('{"search": {}, "trials": [{}]}')
    answer = edgeseq(*words(series, output, "--search", 2, "--resume"))
    assert answer.code == 1
    assert "m.search is not a search that edgeseq wrote" in answer.err


def test_a_checkpoint_that_took_the_bests_place_is_noticed(edgeseq: CommandLine, series: Path, tmp_path: Path) -> None:
    output = tmp_path / "m"
    edgeseq.must(*words(series, output, "--search", 1))
    edgeseq.must(*words(series, output, "--seed", 5))
    answer = edgeseq(*words(series, output, "--search", 1, "--resume"))
    assert answer.code == 2
    assert "is not the checkpoint of trial 0 any more" in answer.err


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (
            ["--hidden", 8, "--layers", 1, "--learning-rate", 0.01, "--unroll", 20],
            "nothing is left to search over: --hidden, --layers, --learning-rate, --unroll are all given",
        ),
        (["--preset", "classic"], "--preset classic trains on the validation part too"),
        (["--search", 0], "--search"),
    ],
)
def test_a_search_that_cannot_be_is_refused(
    edgeseq: CommandLine, series: Path, tmp_path: Path, more: list[object], word: str
) -> None:
    answer = edgeseq(*words(series, tmp_path / "m", "--search", 3, *more))
    assert answer.code == 2
    assert word in answer.err
    assert os.listdir(tmp_path) == ["series.csv"]


def test_several_processes_are_refused(
    edgeseq: CommandLine, series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProcessGroup, "join", lambda _device: contextlib.nullcontext(ProcessGroup(rank=0, size=2)))
    answer = edgeseq(*words(series, tmp_path / "m", "--search", 3))
    assert answer.code == 2
    assert "--search runs in one process" in answer.err


def test_where_no_trial_can_be_trained_the_reason_is_given(
    edgeseq: CommandLine, series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(_self: Trainer) -> float:
        raise DataError("training failed at step 1: the validation error is nan")

    monkeypatch.setattr(Trainer, "validate", diverge)
    answer = edgeseq(*words(series, tmp_path / "m", "--search", 2))
    assert answer.code == 1
    assert answer.err.splitlines()[-1].startswith("edgeseq: no trial could be trained; the first: training failed")


def test_a_host_without_optuna_trains_and_is_told_what_to_install_for_a_search(series: Path, tmp_path: Path) -> None:
    """The first command needs none of it; the second ends before it reads the series."""
    plain = [str(word) for word in words(series, tmp_path / "m")]
    code = (
        "import sys; sys.modules['optuna'] = None; from edgeseq import cli; "
        f"assert cli.run({plain!r}) == 0; print(cli.run({[*plain, '--search', '2']!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "1"
    assert done.stderr.splitlines()[-1] == "edgeseq: optuna is not installed; pip install 'edgeseq[search]'"


# The two options that a search adds


def test_learning_rate_and_unroll_take_the_recipes_place() -> None:
    plain, made = planned(), planned(learning_rate=0.003, unroll=77)
    assert (
        made.hyperparameters == replace(plain.hyperparameters, learning_rate=0.003, unroll=77) != plain.hyperparameters
    )


def test_a_window_needs_no_unroll() -> None:
    with pytest.raises(UsageError, match="--layout steps takes no --unroll"):
        planned(unroll=20, layout="steps")
