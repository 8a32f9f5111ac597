"""How good the forecasts are: everything behind the accuracy figures of docs/benchmarks.md."""
