"""A search for better settings: Optuna proposes them, the validation part judges them, one file remembers.

The study is made anew, in memory, from the finished trials before each further one, and the trial's number seeds its
sampler. So nothing but the file decides what comes next, and a search that was killed goes on as if it had not been.
Optuna's own storages are less robust here: a kill that tears the journal's last line makes it unreadable, and the
database keeps a killed trial as one that is running.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

import edgeseq_export
from edgeseq.evaluation.evaluate import score_part, typical_predictor
from edgeseq.model import tensor_file
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Parts
from edgeseq.training.plan import Plan
from edgeseq.training.trainer import Trainer
from edgeseq_runtime import files
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.spec import STREAM

Settings = Mapping[str, Any]
"""Fields of `TrainingOptions`, and the numbers to put there."""

FINISHED, PRUNED, FAILED = "finished", "pruned", "failed"

_STATES = {FINISHED: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}

Range = IntDistribution | FloatDistribution

_HIDDEN = 8, 64
"""Units in a layer: `trainer` lets torch use more threads for more, and forgets that for the trials that follow."""

_LAYERS = 1, 3

_REACH = 4
"""Learning rate and window are searched from the plan's divided by this to the plan's times this."""

_PATIENCE = 3
"""A trial is not stopped within the first third of its steps."""


@dataclass(frozen=True)
class Trial:
    """What came of one choice of settings."""

    settings: Settings
    state: str
    """finished; pruned, where it was stopped for being unpromising; failed, where it could not be trained."""
    error: float = math.nan
    """Validation error of the finished checkpoint, standardised; NaN where there is none."""
    steps: int = 0
    seconds: float = math.nan
    """NaN where the trial was interrupted: nobody counted."""
    curve: tuple[tuple[int, float], ...] = ()
    """The network's validation error after so many steps."""
    run: str = ""
    """As `spec.Training.run` has it."""
    reason: str = ""
    """Why it failed."""


class Search:
    """The trials so far, and what to try next. Trial 0 has the settings of the plan, so no search ends above them."""

    def __init__(self, path: Path, plan: Plan, run: str, *, fixed: Collection[str], seed: int) -> None:
        self._path, self._seed = path, seed
        self.steps = plan.hyperparameters.steps
        """Of every trial that is not stopped."""
        self._start, self._space = _space(plan, fixed)
        ranges = {name: [one.low, one.high] for name, one in self._space.items()}
        self._identity = {"run": run, "lags": list(plan.lags), "space": ranges}
        self.trials: list[Trial] = []

    @property
    def names(self) -> list[str]:
        """Return what is searched over."""
        return list(self._space)

    @property
    def best(self) -> int | None:
        """Return the number of the finished trial with the lowest validation error, the first of several."""
        errors = {number: trial.error for number, trial in enumerate(self.trials) if trial.state == FINISHED}
        return min(errors, key=errors.__getitem__, default=None)

    def would_be_best(self, error: float) -> bool:
        """Whether a finished trial with this validation error would be the best."""
        return self.best is None or error < self.trials[self.best].error

    def save(self) -> None:
        """Write all trials, whole or not at all. Raises `FileError`."""
        trials = [_content(trial) for trial in self.trials]
        content = {tensor_file.HASH: tensor_file.BLANK, "search": self._identity, "trials": trials}
        files.write_atomically(self._path, tensor_file.with_hash(json.dumps(content).encode()))

    def restore(self) -> None:
        """Take up the trials that were saved.

        Raises `UsageError` where they are another search's, `ModelFileError` for a file that is damaged or no search.
        """
        data = files.read(self._path)
        try:
            content = json.loads(data)
            is_whole = tensor_file.HASH not in content or tensor_file.is_whole(data, content.pop(tensor_file.HASH))
            identity, trials = content.pop("search"), [_trial(fields) for fields in content.pop("trials")]
            is_ours = identity == self._identity
            if content or (is_ours and not all(self._might_be(trial.settings) for trial in trials)):
                raise ValueError(content)  # noqa: TRY301 - the same word for all that is no search
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise ModelFileError(f"{self._path} is not a search that edgeseq wrote") from error
        if not is_whole:
            raise ModelFileError(f"{self._path} is damaged: it was changed after it was written")
        if not is_ours:
            raise UsageError(
                f"{self._path} belongs to another search (other data, options or seed); give the options of that one, "
                "or search without --resume"
            )
        self.trials = trials

    def _might_be(self, settings: Settings) -> bool:
        """Whether settings are among those that are searched over."""
        return settings.keys() == self._space.keys() and all(
            type(settings[name]) in ((int,) if isinstance(one, IntDistribution) else (int, float))
            and one.low <= settings[name] <= one.high
            for name, one in self._space.items()
        )

    def add(self, trial: Trial) -> None:
        """Note what came of a proposal."""
        self.trials.append(trial)
        self.save()

    def propose(self) -> "Proposal":
        """Return what to try next: it depends on the seed and the trials so far alone."""
        number = len(self.trials)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=int(np.random.default_rng([self._seed, number]).integers(2**31))),
            pruner=optuna.pruners.MedianPruner(n_warmup_steps=self.steps // _PATIENCE),
        )
        for trial in self.trials:
            study.add_trial(self._frozen(trial))
        if not number:
            study.enqueue_trial(dict(self._start))
        asked = study.ask(dict(self._space))
        settings = {name: _rounded(value) for name, value in asked.params.items()} if number else self._start
        return Proposal(settings, asked, self.steps)

    def _frozen(self, trial: Trial) -> FrozenTrial:
        return optuna.trial.create_trial(
            state=_STATES[trial.state],
            value=trial.error if trial.state == FINISHED else None,
            params=dict(trial.settings),
            distributions=dict(self._space),
            intermediate_values=dict(trial.curve),
        )


class Proposal:
    """Settings to try, and a judge of how their training goes."""

    def __init__(self, settings: Settings, trial: optuna.Trial, steps: int) -> None:
        self.settings = settings
        self.pruned = False
        self._trial, self._steps, self._seen = trial, steps, 0

    def is_unpromising(self, trainer: Trainer) -> bool:
        """Whether the lowest validation error so far is above the median of the finished trials' after as many steps.

        Only after five finished trials. What was validated before an interruption is looked at as well.
        """
        for step, mse in validated(trainer)[self._seen :]:
            self._seen += 1
            if not self.pruned and step < self._steps:
                self._trial.report(mse, step)
                self.pruned = self._trial.should_prune()
        return self.pruned


def validated(trainer: Trainer) -> tuple[tuple[int, float], ...]:
    """Return the validation errors of a run, each with its step."""
    return tuple((int(step), mse) for step, _, _, mse in trainer.curve if not math.isnan(mse))


def validation_error(checkpoint: Checkpoint, plan: Plan, parts: Parts) -> float:
    """Return the error over the validation part through the model file, standardised.

    After the plan's warm-up: the checkpoint's own may be longer, and all trials are to be judged by the same forecasts.
    """
    judged = replace(checkpoint, spec=replace(checkpoint.spec, warmup=plan.spec.warmup))
    return score_part(typical_predictor(edgeseq_export.build(judged)), parts.validation)[1].mse_standardized


def _space(plan: Plan, fixed: Collection[str]) -> tuple[Settings, dict[str, Range]]:
    """Return the plan's own settings, and between which to search, less those that the user fixed."""
    spec, hyperparameters = plan.spec, plan.hyperparameters
    back, reach = ("unroll", hyperparameters.unroll) if spec.layout == STREAM else ("window", spec.window)
    rate = hyperparameters.learning_rate
    start = {"hidden": spec.hidden, "layers": spec.layers, "learning_rate": rate, back: reach}
    space: dict[str, Range] = {
        "hidden": IntDistribution(*_HIDDEN, log=True),
        "layers": IntDistribution(*_LAYERS),
        "learning_rate": FloatDistribution(_rounded(rate / _REACH), _rounded(rate * _REACH), log=True),
        back: IntDistribution(max(2, reach // _REACH), reach * _REACH, log=True),
    }
    free = [name for name in space if name not in fixed]
    if not free:
        given = ", ".join(f"--{name.replace('_', '-')}" for name in space)
        raise UsageError(f"nothing is left to search over: {given} are all given")
    return {name: start[name] for name in free}, {name: space[name] for name in free}


def _rounded(value: float) -> int | float:
    """Return a setting with three digits, so that who types what the table shows trains the same network."""
    return value if isinstance(value, int) else float(f"{value:.3g}")


def _content(trial: Trial) -> dict[str, Any]:
    """Return what is to be written; JSON has no NaN, so what is NaN is left out."""
    return {
        name: value for name, value in asdict(trial).items() if not (isinstance(value, float) and math.isnan(value))
    }


def _trial(fields: dict[str, Any]) -> Trial:
    """Return a trial of what was written. What does not fit raises one of the errors that Python has for it."""
    curve = tuple((int(step), float(mse)) for step, mse in fields["curve"])
    trial = Trial(**{**fields, "curve": curve})
    fits = (
        trial.state in _STATES
        and all(isinstance(text, str) for text in (trial.run, trial.reason))
        and all(math.isnan(number) or number >= 0 for number in (trial.error, trial.seconds))
        and (trial.state != FINISHED or math.isfinite(trial.error))
        and type(trial.steps) is int
        and all(step >= 0 and not math.isnan(mse) for step, mse in curve)
        and len(dict(curve)) == len(curve)
    )
    if not fits:
        raise ValueError(trial)
    return trial
