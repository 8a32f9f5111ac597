"""Evaluation: a model file over a series, beside the baselines, as figures, text and plots."""
