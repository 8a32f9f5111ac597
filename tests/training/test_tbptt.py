"""Readers: state is carried exactly where a stream would carry it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.training.tbptt import SegmentReaders


@st.composite
def segments(draw: st.DrawFn) -> list[tuple[int, int]]:
    found, start = [], 0
    for length, gap in draw(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 5)), min_size=1, max_size=6)):
        found.append((start, start + length))
        start += length + gap
    found.append((start, start + 12))  # at least one that is long enough
    return found


@given(segments=segments(), count=st.integers(1, 8), unroll=st.integers(2, 30), seed=st.integers(0, 99))
def test_a_reader_reads_on_where_it_was_or_begins_afresh(
    segments: list[tuple[int, int]], count: int, unroll: int, seed: int
) -> None:
    readers = SegmentReaders(segments, count, unroll, least=12, reset_prob=0.2)
    random = np.random.default_rng(seed)
    before = np.full(count, -1)
    for _ in range(20):
        window = readers.next(random)
        for reader in range(count):
            rows = window.rows[window.real[:, reader], reader]
            assert len(rows)
            start, stop = next(segment for segment in segments if segment[0] <= rows[0] < segment[1])
            assert stop - start >= 12, "short segments are left out"
            np.testing.assert_array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
            assert rows[-1] < stop, "no window reaches over a gap"
            assert len(rows) == unroll or rows[-1] == stop - 1
            if not window.fresh[reader]:
                assert rows[0] == before[reader] + 1, "a carried state goes on with the next sample"
            before[reader] = rows[-1]


def test_all_readers_begin_fresh_and_spread_over_the_series() -> None:
    readers = SegmentReaders([(0, 100)], 4, 10, least=2, reset_prob=0.0)
    window = readers.next(np.random.default_rng(0))
    assert window.fresh.all()
    assert window.rows[0].tolist() == [0, 25, 50, 75]
    assert not readers.next(np.random.default_rng(0)).fresh.any()


def test_every_sample_is_read() -> None:
    segments = [(0, 37), (40, 91)]
    readers = SegmentReaders(segments, 3, 7, least=5, reset_prob=0.3)
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        window = readers.next(random)
        seen |= set(window.rows[window.real].tolist())
    assert seen >= set(range(36)) | set(range(40, 90))  # a segment's last sample has no successor to learn


def test_readers_go_on_from_a_saved_state() -> None:
    def windows(readers: SegmentReaders, numbers: range) -> list[list[int]]:
        return [readers.next(np.random.default_rng(number)).rows.tolist() for number in numbers]

    straight, other = (SegmentReaders([(0, 50), (60, 99)], 3, 8, least=5, reset_prob=0.3) for _ in range(2))
    wanted = windows(straight, range(30))
    assert windows(other, range(13)) == wanted[:13]
    fresh = SegmentReaders([(0, 50), (60, 99)], 3, 8, least=5, reset_prob=0.3)
    fresh.restore(other.state())
    assert windows(fresh, range(13, 30)) == wanted[13:]
