"""A connection to an MQTT broker that comes back by itself: protocol 5, QoS 1, a session that outlives it.

It runs in the caller's thread and reads no further than it is asked to, so a slow forecaster slows the broker down. A
message is acknowledged when the caller says so; the broker sends at most `deduplication.WINDOW` before that.
"""

import secrets
import select
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from edgeseq_runtime.errors import EdgeseqError, UsageError
from edgeseq_runtime.mqtt.credentials import Credentials
from edgeseq_runtime.mqtt.deduplication import WINDOW, Message
from edgeseq_runtime.mqtt.topics import Address

if TYPE_CHECKING:
    from paho.mqtt.client import Client

KEEPALIVE = 30
"""Seconds without a sign of life after which a connection is taken for broken."""

SESSION = 7 * 86400
"""Seconds for which the broker keeps samples for a device that is away."""

SHORTEST, LONGEST = 0.5, 60.0
"""Seconds between two attempts to connect: the first pause, and the longest that it doubles to."""

_TAKEN_OVER, _REFUSED = 142, 128
_HOPELESS = (0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C)
"""Reasons that no further attempt will mend: the protocol's version, the client's id, its password or its rights."""

Waiting = Callable[[], AbstractContextManager[None]]


class Receiver(Protocol):
    """Whom a connection tells what happens."""

    def connected(self, *, resumed: bool) -> None:
        """Take note of a connection; `resumed`: the broker's numbers of messages are those of before."""

    def received(self, message: Message) -> None:
        """Take a message."""

    def published(self, number: int) -> None:
        """Take note that the broker has a message that `MqttClient.publish` gave this number."""


class MqttClient:
    """A client of one broker, subscribed to one filter.

    Raises `UsageError` for files of certificates that are none. `log` is told of each connection lost and found;
    `waiting` is entered around whatever may take long, so that a signal may end it.
    """

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        client_id: str,
        receiver: Receiver,
        log: Callable[[str], None],
        waiting: Waiting,
    ) -> None:
        self._address, self._client_id = address, client_id
        self._receiver, self._log, self._waiting = receiver, log, waiting
        self._place = f"{address.host}:{address.port}"
        self._pause = SHORTEST
        self._begun = False
        self._since: float | None = None  # when the connection was made, where there is one
        self._client = self._make(credentials)

    def poll(self) -> None:
        """Wait until something happens, and deal with it; connect first where there is no connection.

        Raises `EdgeseqError` where the broker refuses for good.
        """
        if self._client.socket() is None:
            self._connect()
            return
        with self._waiting():
            self._wait(1.0)
        self._client.loop(0.0)

    def publish(self, topic: str, payload: str) -> int:
        """Hand over a message for the broker to keep as the topic's last; return the number to wait for."""
        return self._client.publish(topic, payload, qos=1, retain=True).mid

    def acknowledge(self, number: int) -> None:
        """Tell the broker that it need not send this message again; in a broken connection nothing happens."""
        self._client.ack(number, 1)

    def close(self, done: Callable[[], bool]) -> None:
        """Take leave of the broker when all is `done` and sent, or after two seconds; the session stays."""
        deadline = time.monotonic() + 2.0
        while self._client.socket() and time.monotonic() < deadline:
            if done() and not self._client.want_write():
                break
            self._wait(0.1)
            self._client.loop(0.0)
        self._client.disconnect()

    def _wait(self, seconds: float) -> None:
        sock: Any = self._client.socket()
        writing = [sock] if self._client.want_write() else []
        decrypted = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        select.select([sock], writing, [], 0 if decrypted else seconds)

    def _make(self, credentials: Credentials) -> "Client":
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if credentials.username:
            client.username_pw_set(credentials.username, credentials.password or None)
        if self._address.tls:
            try:
                client.tls_set(credentials.ca or None, credentials.cert or None, credentials.key or None)
            except (OSError, ValueError) as error:
                named = ", ".join(filter(None, (credentials.ca, credentials.cert, credentials.key)))
                raise UsageError(f"cannot use the certificates in {named}: {error}") from error
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message, client.on_publish = self._on_message, self._on_publish
        client.on_subscribe = self._on_subscribe
        return client

    def _connect(self) -> None:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves this one untyped
        properties.SessionExpiryInterval, properties.ReceiveMaximum = SESSION, WINDOW
        try:
            with self._waiting():
                if self._begun:  # a pause before every attempt but the first
                    time.sleep(self._pause * (0.5 + secrets.randbelow(1000) / 2000))  # not all devices at once
                self._begun = True
                self._client.connect(
                    self._address.host, self._address.port, KEEPALIVE, clean_start=False, properties=properties
                )
        except ssl.SSLCertVerificationError as error:
            raise EdgeseqError(f"the broker {self._place} is not to be trusted: {error.verify_message}") from error
        except UnicodeError as error:
            raise UsageError(f"{self._address.host!r} is no name of a host") from error
        except OSError as error:
            self._pause = min(2 * self._pause, LONGEST)
            self._log(f"cannot reach the broker {self._place}: {error.strerror or error}; trying again")

    def _on_connect(self, client: "Client", _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        from paho.mqtt.subscribeoptions import SubscribeOptions

        if reason.value in _HOPELESS:
            raise EdgeseqError(f"the broker {self._place} refuses the connection: {reason}")
        if reason.is_failure:
            self._pause = min(2 * self._pause, LONGEST)
            self._log(f"the broker {self._place} refuses the connection: {reason}; trying again")
            return
        self._since = time.monotonic()
        self._receiver.connected(resumed=flags.session_present)
        # What the broker keeps as a topic's last message was a sample of before, if it was one at all.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe(self._address.topics, options=options)

    def _on_subscribe(self, _client: "Client", _data: Any, _number: int, reasons: Any, _properties: Any) -> None:
        for reason in reasons:
            if reason.value != 1:
                raise EdgeseqError(f"the broker {self._place} grants no QoS 1 for {self._address.topics}: {reason}")

    def _on_message(self, _client: "Client", _data: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError as error:
            raise EdgeseqError(f"the broker {self._place} sent a topic that is no text") from error
        self._receiver.received(Message(topic, message.payload, message.mid, bool(message.dup)))

    def _on_publish(self, _client: "Client", _data: Any, number: int, reason: Any, _properties: Any) -> None:
        if reason.value >= _REFUSED:
            raise EdgeseqError(f"the broker {self._place} refuses to publish a forecast: {reason}")
        self._receiver.published(number)

    def _on_disconnect(self, _client: "Client", _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.value == _TAKEN_OVER:
            raise EdgeseqError(f"another client of the broker {self._place} has taken the id {self._client_id}")
        if self._since is not None and reason.value:
            self._log(f"the connection to the broker {self._place} broke: {reason}; trying again")
            lasted = time.monotonic() - self._since  # one that never lasts may be in another's way
            self._pause = SHORTEST if lasted > KEEPALIVE else min(2 * self._pause, LONGEST)
        self._since = None
