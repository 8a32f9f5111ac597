"""`python -m benchmarks`: the benchmarks that take seconds, not minutes."""

from benchmarks.speed import ratios

ratios.main()
