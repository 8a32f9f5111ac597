"""Adaptation: forecasts that are corrected by what streams have shown since the model was trained."""
