"""Samples as text: lines of CSV and JSON, and Influx line protocol."""
