"""Which topics of an MQTT broker are streams, and where their forecasts go."""

import re
from dataclasses import dataclass

from edgeseq_runtime.errors import UsageError

PORTS = {"mqtt": 1883, "mqtts": 8883}
"""The usual ports, plain and through TLS."""

ID = "{id}"
"""What stands, in the topic of forecasts, for the name of a stream."""

LONGEST, LEVELS = 65_535, 200
"""Bytes of a topic, which is all that the protocol has room for; and its levels, which is what mosquitto takes."""

_URL = re.compile(r"(mqtts?)://([^/]*)/(.+)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class Address:
    """A broker, and the topics whose messages are samples."""

    host: str
    port: int
    tls: bool
    topics: str
    """A filter: + stands for one level, a last # for any number of them."""


def parse_address(url: str) -> Address:
    """Read mqtt://HOST[:PORT]/TOPICS, or mqtts:// for TLS. Raises `UsageError`.

    A name and password are refused: a command line is seen by every user of the machine, and kept in histories.
    """
    match = _URL.fullmatch(url)
    if match and "@" in match[2]:
        raise UsageError(
            "a broker's address must hold no name or password, since others can see the command line; set "
            "EDGESEQ_MQTT_USERNAME and EDGESEQ_MQTT_PASSWORD, or give --credentials FILE"
        )
    host = match and _HOST.fullmatch(match[2])
    if not match or not host:
        raise UsageError(f"--mqtt: expected mqtt://HOST[:PORT]/TOPICS or mqtts://..., got {url!r}")
    port = int(host[2] or PORTS[match[1]])
    if not 0 < port < 1 << 16:
        raise UsageError(f"there is no port {port}")
    _check_filter(match[3])
    return Address(host[1].strip("[]"), port, match[1] == "mqtts", match[3])


@dataclass(frozen=True)
class Route:
    """From the topic of a sample to that of its forecast."""

    topics: str
    """The filter of the samples' topics."""
    publish: str
    """The forecasts' topic, with {id} for what the filter's wildcards stand for; without any, for the whole topic."""

    def __post_init__(self) -> None:
        _check_target(self.publish)
        if _is_wild(self.topics) and ID not in self.publish:
            raise UsageError(f"the forecasts of all streams would go to {self.publish}; put {ID} where they differ")
        fixed, is_made_of_id, _ = self.publish.partition(ID)
        if is_made_of_id and not any(fixed.split("/")[:-1]):
            raise UsageError(
                f"forecasts published to {self.publish} could go to any topic, for a sensor's topic says which; put a "
                f"level of their own first, as in forecasts/{ID}"
            )
        self.target(self.topics.replace("+", "x").replace("#", "x"))

    def name(self, topic: str) -> str | None:
        """Return what stands for {id} in forecasts about a topic, None for a topic that the filter does not match."""
        return _identify(self.topics, topic)

    def target(self, topic: str) -> str | None:
        """Return where forecasts about a topic go, None for a topic that the filter does not match.

        Raises `UsageError` where forecasts would come back as samples, or the broker cannot take such a topic.
        """
        name = self.name(topic)
        if name is None:
            return None
        target = self.publish.replace(ID, name)
        _check_target(target)
        if _identify(self.topics, target) is not None:
            raise UsageError(f"forecasts published to {target} would come back as samples of {self.topics}")
        return target


def _identify(topics: str, topic: str) -> str | None:
    """Return what the filter's wildcards stand for, the whole topic where it has none, None where it does not match."""
    wild: list[str] = []
    pattern, levels = topics.split("/"), topic.split("/")
    for position, level in enumerate(pattern):
        if level == "#":
            return "/".join([*wild, *levels[position:]])
        if position == len(levels) or level not in ("+", levels[position]):
            return None
        if level == "+":
            wild.append(levels[position])
    if len(levels) > len(pattern):
        return None
    return "/".join(wild) if _is_wild(topics) else topic


def _is_wild(topics: str) -> bool:
    return any(level in ("+", "#") for level in topics.split("/"))


def _check_filter(topics: str) -> None:
    levels = topics.split("/")
    if levels[0] == "$share":
        raise UsageError(f"{topics} is a shared subscription: other subscribers would get some of a stream's samples")
    wrong = any(level != "+" and "+" in level for level in levels) or any("#" in level for level in levels[:-1])
    if wrong or ("#" in levels[-1] and levels[-1] != "#"):
        raise UsageError(f"{topics!r} is not a valid topic filter: + stands for a whole level, # for all that follow")
    _check_name(topics, f"{topics!r} is not a valid topic filter")


def _check_target(topic: str) -> None:
    """Refuse a topic that no message can be published to: a broker ends the connection over it."""
    refusal = f"forecasts cannot be published to {topic[:80]!r}"
    if not topic:
        raise UsageError(f"{refusal}: a topic is not empty")
    if "+" in topic or "#" in topic:
        raise UsageError(f"{refusal}: a topic has no + and no #")
    if topic.startswith("$"):
        raise UsageError(f"{refusal}: what begins with $ is the broker's own")
    _check_name(topic, refusal)


def _check_name(name: str, refusal: str) -> None:
    """Refuse what a filter and a topic must not be."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{refusal}: it is not UTF-8 text") from None
    if "\0" in name:
        raise UsageError(f"{refusal}: it contains a NUL character")
    if size > LONGEST or name.count("/") >= LEVELS:
        raise UsageError(f"{refusal}: a topic has at most {LONGEST} bytes and {LEVELS} levels")
