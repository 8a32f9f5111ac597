"""`python -m benchmarks`: the benchmarks that take seconds, not minutes."""

from benchmarks import step

step.main()
