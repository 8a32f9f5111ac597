"""Options: what functions take as keywords are the fields of the dataclasses, with the same types."""

from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest

import edgeseq
from edgeseq.evaluation.model_series import ModelSeriesKeywords, load_for_model
from edgeseq.series.files.options import ReadingKeywords, ReadingOptions
from edgeseq.training.options import TrainingKeywords, TrainingOptions


@pytest.mark.parametrize(
    ("options", "keywords"), [(TrainingOptions, TrainingKeywords), (ReadingOptions, ReadingKeywords)]
)
def test_keywords_are_the_fields(options: Any, keywords: Any) -> None:
    assert [field.name for field in fields(options)] == list(get_type_hints(keywords))
    assert get_type_hints(options) == get_type_hints(keywords)


def test_keywords_of_a_models_series_are_the_arguments_that_read_it() -> None:
    hints = get_type_hints(load_for_model)
    (said,) = get_args(hints.pop("said"))
    assert {**get_type_hints(said), **hints} == {
        **get_type_hints(ModelSeriesKeywords),
        **{name: hints[name] for name in ("predictor", "series", "return")},
    }


def test_what_the_package_does_not_have_is_named() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        _ = edgeseq.train
