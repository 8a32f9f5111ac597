"""Messages in, forecasts out, through an MQTT broker: a stream for each topic."""
