"""What makes a stream trustworthy: data-quality checks, time, sensors, snapshots."""
