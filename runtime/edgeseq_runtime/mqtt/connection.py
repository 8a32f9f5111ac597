"""One connection to a broker, from CONNECT to its end, by paho: protocol 5, QoS 1.

It runs in the caller's thread, reads for no longer than it is told to and holds nothing back: what comes goes to the
receiver at once. An end is recorded in `ending` and never raised, whatever bytes a broker sends.
"""

import contextlib
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgeseq_runtime.io.text_lines import LONGEST
from edgeseq_runtime.mqtt.credentials import Credentials
from edgeseq_runtime.mqtt.deduplication import WINDOW, Message
from edgeseq_runtime.mqtt.topics import Address

KEEPALIVE = 30
"""Seconds without a sign of life after which a connection is taken for broken."""

SESSION = 7 * 86400
"""Seconds for which the broker keeps samples for a device that is away."""

LARGEST_PACKET = LONGEST + (1 << 18)
"""Bytes of a packet that are taken: the longest payload, with its topic and what else a message may carry."""

_UNDER_WAY = 20
"""Forecasts sent that the broker has not confirmed yet, where it does not want fewer."""

_BLOCK = 1 << 16
_FAILURE, _TAKEN_OVER = 0x80, 0x8E
_HOPELESS = (0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C)
"""Reasons that no further attempt will mend: the protocol's version, the client's id, its password or its rights."""


_HINT = "(does it speak MQTT 5, or want TLS, mqtts://, or a client's certificate?)"
_NOT_MQTT = "what came is not MQTT 5, or too large"
_REASONS = {"Keep alive timeout": f"nothing came for {KEEPALIVE} s", "Protocol error": _NOT_MQTT}
"""What paho's reasons mean, which it gives for ends that no broker announced."""


@dataclass(frozen=True)
class Ending:
    """Why there is no connection any more."""

    text: str
    """A sentence for the user."""
    final: bool = False
    """Whether another attempt is in vain."""


class Events(Protocol):
    """Whom a connection tells what comes. None of these may raise or take long."""

    def connected(self, *, resumed: bool) -> None:
        """Take note that the broker accepts; `resumed`: its numbers of messages are those of before."""

    def received(self, message: Message) -> None:
        """Take a message."""

    def unreadable(self, number: int) -> None:
        """Take note of a message, to be acknowledged by this number, whose topic is no text."""

    def acknowledged(self, count: int) -> None:
        """Take note that the broker has the first `count` acknowledgements that were sent in this connection."""

    def confirmed(self, number: int, refusal: str) -> None:
        """Take note that the broker has the publication of this number, or why it refuses it."""


class _Paho(Client):
    """Paho's client, which takes from a broker only what was asked for.

    A packet is judged by its announced length, before there is room made for it. Messages of QoS 2, for which nobody
    has subscribed, would be kept until the broker releases them. What it writes is gathered and sent by `flush`: a
    system call for each packet costs more than all else about it.
    """

    def __init__(self, *words: Any, **options: Any) -> None:
        self._gathered = bytearray()
        self.on_question: Callable[[], object] = lambda: None
        self.on_answer: Callable[[], object] = lambda: None
        super().__init__(*words, **options)

    def ask(self) -> None:
        """Send what the broker answers at once."""
        self._send_pingreq()

    def _send_pingreq(self) -> MQTTErrorCode:
        self.on_question()
        return super()._send_pingreq()

    def _handle_pingresp(self) -> MQTTErrorCode:
        self.on_answer()
        return super()._handle_pingresp()

    def want_write(self) -> bool:
        """Whether there is something that the network has not taken yet."""
        return bool(self._gathered) or super().want_write()

    def flush(self) -> None:
        """Send what was gathered, as far as the network takes it."""
        if self._gathered:
            try:
                del self._gathered[: super()._sock_send(self._gathered)]
            except BlockingIOError:
                pass
            except OSError:
                self._gathered.clear()
                self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)

    def _sock_send(self, buf: bytes | bytearray) -> int:
        self._gathered += buf
        return len(buf)

    def _sock_close(self) -> None:
        with contextlib.suppress(OSError):
            if self._gathered:  # taking leave, say
                super()._sock_send(self._gathered)
        self._gathered.clear()
        super()._sock_close()

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > LARGEST_PACKET:
            raise ValueError("a packet larger than was allowed")  # which paho passes on, unlike an OSError
        return super()._sock_recv(min(bufsize, _BLOCK))

    def _handle_publish(self) -> MQTTErrorCode:
        if self._in_packet["command"] & 0x06 > 0x02:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return super()._handle_publish()


class Connection:
    """A connection that subscribes to one filter as soon as the broker accepts it."""

    def __init__(
        self, address: Address, credentials: Credentials, context: ssl.SSLContext | None, client_id: str, events: Events
    ) -> None:
        self._address, self._client_id, self._events = address, client_id, events
        self._broker = f"the broker {address.host}:{address.port}"
        self.accepted_at: float | None = None
        """When the broker accepted it, as `time.monotonic` has it."""
        self.ending: Ending | None = None
        """Why it ended, once it has."""
        self.window = _UNDER_WAY
        """How many publications may be under way at once."""
        self.largest: int | None = None
        """Bytes of a packet that the broker takes, where it says so."""
        self._client = _Paho(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if credentials.username:
            self._client.username_pw_set(credentials.username, credentials.password or None)
        if context:
            self._client.tls_set_context(context)
        self._client.on_connect, self._client.on_disconnect = self._on_connect, self._on_disconnect
        self._client.on_message, self._client.on_publish = self._on_message, self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_question, self._client.on_answer = self._on_question, self._on_answer
        self._acknowledged = 0  # messages
        self._asked = 0  # of which so many were acknowledged before the last that the broker is to answer
        self._before: dict[int, int] = {}  # of which so many were before a publication that is not confirmed
        self._before_questions: deque[int] = deque()

    def open(self) -> None:
        """Reach the broker, and ask to be accepted. Raises `OSError`, `UnicodeError` for a host that is no name."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves this one untyped
        properties.SessionExpiryInterval, properties.ReceiveMaximum = SESSION, WINDOW
        properties.MaximumPacketSize = LARGEST_PACKET
        self._client.connect(
            self._address.host, self._address.port, KEEPALIVE, clean_start=False, properties=properties
        )
        sock = self._open_socket()
        if sock is not None:  # what is sent is short, and the broker waits for each of it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def is_accepted(self) -> bool:
        """Whether the broker has accepted it, and it has not ended."""
        return self.accepted_at is not None and self.ending is None

    @property
    def wants_write(self) -> bool:
        """Whether there is something that the network did not take yet."""
        return self._client.want_write()

    def flush(self) -> None:
        """Send what was written, as far as the network takes it now."""
        self._guard(self._client.flush)

    def wait(self, seconds: float) -> None:
        """Wait until there is something to read, or room to write what waits."""
        sock = self._open_socket()
        if sock is not None and not _has_decrypted(sock):
            _is_ready(sock, seconds, to_write=self.wants_write)

    def turn(self, seconds: float) -> None:
        """Read what has come, for so long at most; write what waits; keep the connection alive."""
        until = time.monotonic() + seconds
        while self._is_readable():
            self._guard(self._client.loop_read)
            if time.monotonic() >= until:
                break
        self.write()
        if self.ending is None:
            self._guard(self._client.loop_misc)

    def write(self) -> None:
        """Write what waits, as far as the network takes it."""
        if self.wants_write and self.ending is None:
            self._guard(self._client.loop_write)
            self._guard(self._client.flush)

    def publish(self, topic: str, payload: bytes) -> int:
        """Send a message for the broker to keep as the topic's last; return the number that `confirmed` will name."""
        number = self._client.publish(topic, payload, qos=1, retain=True).mid
        self._before[number] = self._asked = self._acknowledged
        return number

    def acknowledge(self, number: int) -> None:
        """Tell the broker that it need not send this message again; in a broken connection nothing happens."""
        self._acknowledged += 1
        self._client.ack(number, 1)

    def ask(self) -> None:
        """Ask whether the broker has all acknowledgements, where no answer under way will say so."""
        if self._asked < self._acknowledged and self.is_accepted:
            self._guard(self._client.ask)

    def close(self, seconds: float) -> None:
        """Take leave; the session stays. What still comes is read and forgotten, for so long at most.

        A connection that is closed with something unread breaks, and the broker forgets the acknowledgements that it
        has not read itself.
        """
        sock = self._open_socket()
        if sock is None:
            return
        with socket.fromfd(sock.fileno(), sock.family, sock.type) as remains:
            self._guard(self._client.disconnect)  # which closes paho's socket, where all can be written
            self._drop()
            _read_to_the_end(remains, seconds)

    def _open_socket(self) -> Any:
        """Return the socket, as long as there is a connection."""
        return self._client.socket() if self.ending is None else None

    def _is_readable(self) -> bool:
        sock = self._open_socket()
        return sock is not None and (_has_decrypted(sock) or _is_ready(sock, 0))

    def _guard(self, call: Callable[[], object]) -> None:
        """Let paho work; whatever it makes of bytes that are not MQTT ends this connection only."""
        try:
            call()
        except Exception:  # noqa: BLE001 - no callback here raises, so it is the broker's doing
            self._break(_NOT_MQTT)
            self._drop()

    def _drop(self) -> None:
        sock: Any = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    def _end(self, text: str, *, final: bool = False) -> None:
        """Record an end; what is known first says most."""
        self.ending = self.ending or Ending(text, final)

    def _break(self, why: str) -> None:
        """Record an end that the broker has not announced."""
        if self.accepted_at is not None:
            self._end(f"the connection to {self._broker} broke: {why}")
        else:
            self._end(f"{self._broker} did not accept the connection: {why} {_HINT}")

    def _on_connect(self, client: Client, _data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._end(f"{self._broker} refuses the connection: {reason}", final=reason.value in _HOPELESS)
            return
        self.accepted_at = time.monotonic()
        self.window = max(1, min(_UNDER_WAY, getattr(properties, "ReceiveMaximum", _UNDER_WAY)))
        self.largest = getattr(properties, "MaximumPacketSize", None)
        self._events.connected(resumed=flags.session_present)
        # What the broker keeps as a topic's last message was a sample of before, if it was one at all.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe(self._address.topics, options=options)

    def _on_subscribe(self, _client: Client, _data: Any, _number: int, reasons: Any, _properties: Any) -> None:
        for reason in reasons:
            if reason.value != 1:
                self._end(f"{self._broker} grants no QoS 1 for {self._address.topics}: {reason}", final=True)

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._events.unreadable(message.mid)
        else:
            self._events.received(Message(topic, bytes(message.payload), message.mid, bool(message.dup)))

    def _on_question(self) -> None:
        self._before_questions.append(self._acknowledged)
        self._asked = self._acknowledged

    def _on_answer(self) -> None:
        if self._before_questions:  # a broker may answer what nobody asked
            self._events.acknowledged(self._before_questions.popleft())

    def _on_publish(self, _client: Client, _data: Any, number: int, reason: Any, _properties: Any) -> None:
        self._events.acknowledged(self._before.pop(number, 0))
        self._events.confirmed(number, str(reason) if reason.value >= _FAILURE else "")

    def _on_disconnect(self, _client: Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.value == _TAKEN_OVER:
            self._end(f"another client of {self._broker} has taken the id {self._client_id}", final=True)
        elif flags.is_disconnect_packet_from_server:
            self._break(f"the broker ended it: {reason}")
        else:
            self._break(_REASONS.get(reason.getName(), "the broker closed it"))


def _has_decrypted(sock: Any) -> bool:
    """Whether there is something to read that the network no longer has."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _is_ready(sock: Any, seconds: float, *, to_write: bool = False) -> bool:
    """Wait for something to read, or for room to write, so long at most; return whether there is.

    `select` takes no descriptor from 1,024 on, but Windows has nothing else.
    """
    if not hasattr(select, "poll"):
        return any(select.select([sock], [sock] if to_write else [], [], seconds))
    poller = select.poll()
    poller.register(sock, select.POLLIN | (select.POLLOUT if to_write else 0))
    return bool(poller.poll(seconds * 1000))


def _read_to_the_end(sock: socket.socket, seconds: float) -> None:
    """Write no more, and read until the other side has ended too."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while (left := deadline - time.monotonic()) > 0 and _is_ready(sock, left):
            if not sock.recv(_BLOCK):
                return
