"""`edgeseq predict`: samples in, forecasts out, at once; lines through a pipe, or messages through an MQTT broker."""

from edgeseq.commands.predict.command import predict

__all__ = ["predict"]
