"""What the line at the end says of all samples."""

import numpy as np
import pytest

from edgeseq.commands.predict.stats import Stats
from edgeseq_runtime.outcomes import Outcomes, StepResult

FORECAST = np.zeros((1, 1), np.float32)


def results(*words: str | None) -> list[StepResult]:
    """Return a result for each word of an anomaly; None: anomalies are not looked for."""
    likely = np.array([0.5, 0.5], np.float32)
    return [
        StepResult(FORECAST, "ok", True, at)
        if word is None
        else StepResult(FORECAST, "ok", True, at, p_values=likely, anomaly=word)
        for at, word in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (results(None, None), "2 samples: 2 ok; 0 us each, measured"),
        (results("", ""), "2 samples: 2 ok; anomalies: none; 0 us each, measured"),
        (
            results("spike", "", "break", "", "spike"),
            "5 samples: 5 ok; anomalies: 1 break, 2 spike; 0 us each, measured",
        ),
    ],
)
def test_alarms_are_counted_by_their_kind_one_by_one_and_many_at_once(found: list[StepResult], said: str) -> None:
    """And nothing is said where anomalies are not looked for."""
    one_by_one, at_once = Stats("measured"), Stats("measured")
    for result in found:
        one_by_one.add(result, 0.0)
    at_once.add_all(Outcomes.of(found, (1, 1)), 0.0)
    assert one_by_one.summary() == at_once.summary() == said
