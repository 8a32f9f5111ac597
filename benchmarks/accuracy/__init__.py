"""How good the forecasts are: everything behind the README's accuracy figures."""
