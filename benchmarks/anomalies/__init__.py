"""What the anomaly detector promises, counted."""
