"""Series: where samples come from, how gaps are dealt with, and how train, validation and test are parted."""

from edgeseq.series.examples import EXAMPLES
from edgeseq.series.loading import load
from edgeseq.series.series import Series
from edgeseq.series.split import Part, Parts, Split

__all__ = ["EXAMPLES", "Part", "Parts", "Series", "Split", "load"]
