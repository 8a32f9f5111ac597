"""How a rate of false alarms is written, and what it comes to a sample."""

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.commands.options.anomalies import AnomalyRate, anomalies_options, parse
from edgeseq_runtime.errors import UsageError


@pytest.mark.parametrize(
    ("text", "period", "rate"),
    [
        ("1e-4", None, 1e-4),
        ("1E-5", 600.0, 1e-5),
        (" 0.01 ", None, 0.01),
        (".25", None, 0.25),
        ("0.499", None, 0.499),
        ("1/week", 600.0, 1 / 1008),
        ("2/day", 300.0, 2 / 288),
        ("0.5/day", 3600.0, 0.5 / 24),
        ("1 / Hour", 1.0, 1 / 3600),
        ("3/minute", 1.0, 3 / 60),
        ("1/year", 86400.0, 1 / 365.2425),
        ("1/month", 86400.0, 12 / 365.2425),
        ("1/12h", 3600.0, 1 / 12),
    ],
)
def test_a_rate_is_by_sample_or_by_time(text: str, period: float | None, rate: float) -> None:
    """One a week of samples ten minutes apart is one in 1,008; the figures are worked by hand."""
    assert parse(text).per_sample(period) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0.0", "0.5", "1", "-1e-4", "nan", "inf", "1e", "1%", "one", "1e-999", "0x1", "1_0/day"),
        *("0/week", "1/", "/week", "1/weeks/day", "-1/day", "1/0h", "1e-4/", "nan/day", "1e999/day", "1/fortnight"),
    ],
)
def test_what_is_no_rate_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--anomaly-rate: expected [^\n]*$"):
        parse(text)


def test_a_rate_of_time_needs_to_know_how_far_apart_samples_are() -> None:
    text = r"1/week: the model does not know how far apart samples are.*such as 9.9e-05 for .* a minute apart.*--every"
    with pytest.raises(UsageError, match=text):
        parse("1/week").per_sample(None)


def test_a_rate_of_time_is_bounded_by_the_samples_that_there_are() -> None:
    """Eight a day of samples three hours apart would be each of them."""
    with pytest.raises(UsageError, match=r"8/day: expected less than one alarm in two samples, got 1 a sample .* 3h"):
        parse("8/day").per_sample(10800.0)
    assert parse("3.99/day").per_sample(10800.0) < 0.5


@given(st.text(max_size=12))
def test_any_text_is_a_rate_or_refused(text: str) -> None:
    """And a rate by sample lies within its bounds."""
    try:
        rate = parse(text)
    except UsageError:
        return
    assert rate.count > 0
    assert rate.seconds or rate.count < 0.5


@pytest.mark.parametrize(
    ("arguments", "rate"),
    [
        ([], None),
        (["--anomalies"], 1e-4),
        (["--anomaly-rate", "1e-5"], 1e-5),
        (["--anomalies", "--anomaly-rate", "1e-5"], 1e-5),
    ],
)
def test_naming_a_rate_turns_anomalies_on(arguments: list[str], rate: float | None) -> None:
    found: list[AnomalyRate | None] = []

    @click.command()
    @anomalies_options("Look for anomalies.")
    def command(*, anomaly_rate: AnomalyRate | None) -> None:
        found.append(anomaly_rate)

    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert [None if one is None else one.per_sample(None) for one in found] == [rate]
