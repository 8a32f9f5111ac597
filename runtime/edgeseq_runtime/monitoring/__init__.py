"""Forecasts compared with what came: prediction intervals and drift."""
