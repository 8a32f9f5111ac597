"""Anomalies: how surprising a sample is, given all that came before, with a known rate of false alarms."""
