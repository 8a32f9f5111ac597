"""What an alarm is worth: found anomalies, and the rate of false alarms."""
