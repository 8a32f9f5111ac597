"""`python -m benchmarks`: the benchmarks that take seconds, not minutes."""

from benchmarks import speed

speed.main()
