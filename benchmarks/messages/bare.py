"""The bare program: each payload goes back as it came, at QoS 1. `python -m benchmarks.messages.bare PORT`."""

import sys
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def _on_connect(client: Client, *_: object) -> None:
    client.subscribe("plant/+", qos=1)


def _on_message(client: Client, _data: object, message: Any) -> None:
    client.publish("forecasts/" + message.topic[6:], message.payload, qos=1, retain=True)


def main(port: int) -> None:
    """Answer until the process is ended; the session stays, as that of `edgeseq predict` does."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="bare", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect, client.on_message = _on_connect, _on_message
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves this one untyped
    properties.SessionExpiryInterval = 3600
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    client.loop_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
