"""What real exporters write: read right, or said aloud."""
