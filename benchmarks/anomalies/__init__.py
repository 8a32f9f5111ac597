"""What anomalies are worth: false alarms on normal series, delays of planted ones, and a public benchmark of labels."""
