"""Samples and forecasts through an MQTT broker."""
