"""A client of an MQTT broker whose connection comes back by itself, and which loses no forecast in between.

It runs in the caller's thread. A message is acknowledged when the caller says so.
"""

import contextlib
import secrets
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from edgeseq_runtime.errors import EdgeseqError, UsageError
from edgeseq_runtime.mqtt.credentials import Credentials, check_text, tls_context
from edgeseq_runtime.mqtt.deduplication import Message
from edgeseq_runtime.mqtt.outbox import Outbox
from edgeseq_runtime.mqtt.topics import Address

if TYPE_CHECKING:
    from edgeseq_runtime.mqtt.connection import Connection

SHORTEST, LONGEST = 0.5, 60.0
"""Seconds between two attempts to connect: the first pause, and the longest that it doubles to."""

READING = 0.05
"""Seconds that one call of `poll` reads at most, so that acknowledgements, pings and signals are never late."""

_FINISHING, _LEAVING = 0.6, 0.3
"""Seconds that the broker is given at the end to confirm the last forecasts, and to take the last acknowledgements."""

_HEADER = 16
"""Bytes of a publication, at most, beside its topic and payload."""

_BRIEF, _SUSPICIOUS = 2.0, 3
"""Seconds that a connection lasts at least, and how many in a row may be briefer before another client is suspected."""

_REMINDER = 60.0
"""Seconds from one such suspicion to the next; and from one forecast to a topic that was denied to the next."""

_LASTING, _LONGEST_GOOD = 30.0, 4.0
"""Seconds after which a connection was a good one, even if there was nothing to do; and the longest pause after one."""

DENIED = "Not authorized"
"""A broker's reason for not taking a forecast that holds for all further ones to the same topic."""

Waiting = Callable[[], AbstractContextManager[None]]


class Receiver(Protocol):
    """Whom a client tells what happens. None of these may raise or take long."""

    def connected(self, *, resumed: bool) -> None:
        """Take note of a connection; `resumed`: the broker's numbers of messages are those of before."""

    def received(self, message: Message) -> None:
        """Take a message."""

    def unreadable(self, number: int) -> None:
        """Take note of a message, to be acknowledged by this number, whose topic is no text."""

    def acknowledged(self, count: int) -> None:
        """Take note that the broker has the first `count` acknowledgements since `connected` was called last."""

    def published(self, number: int, refusal: str) -> None:
        """Take note that a message of `MqttClient.publish` is with the broker, or why it never will be."""


class Log(Protocol):
    """Says something to whoever runs the service."""

    def __call__(self, text: str, kind: str = "") -> None:
        """Say it; of a kind that comes often not each."""


class MqttClient:
    """A client of one broker, subscribed to one filter.

    Raises `UsageError` for an id, a password or certificates that cannot be used. `log` is told of each connection lost
    and each attempt that failed; `waiting` is entered around whatever may take long, so that a signal may end it.
    """

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        client_id: str,
        receiver: Receiver,
        log: Log,
        waiting: Waiting,
    ) -> None:
        check_text(client_id, "a client's id")
        self._address, self._credentials, self._client_id = address, credentials, client_id
        self._context = tls_context(credentials) if address.tls else None
        self._receiver, self._log, self._waiting = receiver, log, waiting
        self._place = f"{address.host}:{address.port}"
        self._outbox = Outbox()
        self._connection: Connection | None = None
        self._begun = False
        self._pause = SHORTEST
        self._useful = False  # whether the present connection has moved anything
        self._brief = 0  # connections in a row that lasted less than `_BRIEF`
        self._reminded: float | None = None
        self._denied: set[str] = set()  # topics that this client may not publish to
        self._asked_again = time.monotonic()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection that the broker has accepted."""
        return self._connection is not None and self._connection.is_accepted

    def poll(self, seconds: float) -> None:
        """Wait so long for something to happen, and deal with it; connect first where there is no connection.

        Raises `EdgeseqError` where the broker refuses for good.
        """
        if self._connection is None:
            self._connect()
            return
        self._send(self._connection)
        self._connection.flush()  # not within the wait: a signal after the system call would have it sent again
        with self._waiting():
            self._connection.wait(seconds)
        self._read(self._connection)

    def publish(self, topic: str, payload: bytes) -> int:
        """Hand over a message for the broker to keep as the topic's last; return the number to wait for."""
        return self._outbox.add(topic, payload)

    def acknowledge(self, number: int) -> None:
        """Tell the broker that it need not send this message again; in a broken connection nothing happens."""
        if self._connection:
            self._useful = True
            self._connection.acknowledge(number)

    def ask(self) -> None:
        """Have the broker say, by and by, that it has all acknowledgements sent so far."""
        if self._connection:
            self._connection.ask()

    def renew(self) -> None:
        """Begin a new connection, in which the broker sends again what was not acknowledged."""
        if self._connection:
            self._connection.close(_LEAVING)
            self._connection, self._pause = None, SHORTEST

    def finish(self, done: Callable[[], bool]) -> None:
        """Deal with what comes until all is `done`, for a moment at most. What ends the connection is no error now."""
        deadline = time.monotonic() + _FINISHING
        with contextlib.suppress(EdgeseqError):
            while self._connection and not done() and time.monotonic() < deadline:
                self._send(self._connection)
                self._connection.flush()
                self._connection.wait(READING)
                self._read(self._connection)

    def close(self) -> None:
        """Take leave of the broker, once it has what was written, if that takes no long; the session stays."""
        deadline = time.monotonic() + _LEAVING
        connection, self._connection = self._connection, None
        while connection and connection.wants_write and time.monotonic() < deadline:
            connection.wait(READING)
            connection.write()
        if connection:
            connection.close(deadline - time.monotonic())

    def connected(self, *, resumed: bool) -> None:
        """Pass on that the broker accepts."""
        self._receiver.connected(resumed=resumed)

    def received(self, message: Message) -> None:
        """Pass on a message."""
        self._receiver.received(message)

    def unreadable(self, number: int) -> None:
        """Pass on that a message's topic is no text."""
        self._receiver.unreadable(number)

    def acknowledged(self, count: int) -> None:
        """Pass on how many acknowledgements the broker has."""
        self._receiver.acknowledged(count)

    def confirmed(self, number: int, refusal: str) -> None:
        """Pass on that the broker has a forecast, or refuses it."""
        publication = self._outbox.confirmed(number)
        if publication:
            self._useful = True
            if refusal == DENIED:
                self._denied.add(publication.topic)
                self._brief = -1  # mosquitto 2.0.11 ends a connection over it, for which no other client is to blame
            else:
                self._denied.discard(publication.topic)
            self._receiver.published(publication.number, refusal)

    def _send(self, connection: "Connection") -> None:
        """Send forecasts, as many as may be under way."""
        while connection.is_accepted and (publication := self._outbox.next(connection.window)):
            if publication.topic in self._denied and not self._may_ask_again():
                self._receiver.published(publication.number, DENIED)
                continue
            size = len(publication.payload) + len(publication.topic.encode()) + _HEADER
            if connection.largest is not None and size > connection.largest:
                why = f"it has {size} bytes; the broker takes {connection.largest}"
                self._receiver.published(publication.number, why)
            else:
                self._outbox.sent(connection.publish(publication.topic, publication.payload), publication)

    def _may_ask_again(self) -> bool:
        """Whether a forecast may be sent to a topic that was denied: now and then one, for rights may change."""
        now = time.monotonic()
        if now - self._asked_again < _REMINDER:
            return False
        self._asked_again = now
        return True

    def _read(self, connection: "Connection") -> None:
        connection.turn(READING)
        if connection.ending:
            self._lose(connection)

    def _connect(self) -> None:
        from edgeseq_runtime.mqtt.connection import Connection

        try:
            with self._waiting():
                if self._begun:  # a pause before every attempt but the first
                    time.sleep(self._pause * (0.5 + secrets.randbelow(1000) / 2000))  # not all devices at once
                self._begun, self._useful = True, False
                connection = Connection(self._address, self._credentials, self._context, self._client_id, self)
                connection.open()
        except ssl.SSLCertVerificationError as error:
            raise EdgeseqError(f"cannot trust the broker {self._place}: {error.verify_message}") from error
        except UnicodeError as error:
            raise UsageError(f"{self._address.host!r} is not a host name") from error
        except OSError as error:
            self._retry_later(f"cannot reach the broker {self._place}: {_reason(error, tls=self._address.tls)}")
        else:
            self._connection = connection

    def _lose(self, connection: "Connection") -> None:
        """Note that a connection has ended, and why."""
        ending, self._connection = connection.ending, None
        assert ending
        left_out = self._outbox.connection_ended()
        if left_out:
            self._receiver.published(left_out.number, "the broker ended each connection over it")
        if ending.final:
            raise EdgeseqError(ending.text)
        if connection.accepted_at is None:
            self._retry_later(ending.text)
            return
        lasted = time.monotonic() - connection.accepted_at
        self._brief = self._brief + 1 if lasted < _BRIEF else 0
        self._log(f"{ending.text}; trying again", "broken connections")
        is_good = self._useful or lasted > _LASTING
        if is_good and self._brief < _SUSPICIOUS:
            self._pause = SHORTEST
        else:
            self._pause = min(2 * self._pause, _LONGEST_GOOD if is_good else LONGEST)
        if self._brief >= _SUSPICIOUS:
            self._suspect()

    def _retry_later(self, text: str) -> None:
        self._pause = min(2 * self._pause, LONGEST)
        self._log(f"{text}; trying again", "failed attempts to connect")

    def _suspect(self) -> None:
        """Say that another client may use the id: not every broker tells the one whose connection it ends for it."""
        now = time.monotonic()
        if self._reminded is None or now - self._reminded > _REMINDER:
            self._reminded = now
            self._log(
                f"warning: {self._brief} connections in a row broke within seconds: perhaps another client uses the id "
                f"{self._client_id}, and each takes samples from the other; give each a --client-id of its own"
            )


def _reason(error: OSError, *, tls: bool) -> str:
    """Return why a broker cannot be reached, in words, and what may be the matter."""
    words = "it does not answer" if isinstance(error, TimeoutError) else str(error.strerror or error)
    has_answered = isinstance(error, (ssl.SSLError, ConnectionResetError, TimeoutError))
    return f"{words} (does it speak TLS there?)" if tls and has_answered else words
