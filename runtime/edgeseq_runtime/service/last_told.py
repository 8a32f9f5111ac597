"""What samples have said of the columns known ahead, kept until their interval is over."""

from collections.abc import Iterator

from edgeseq_runtime.service.streams import Said


class LastTold:
    """What the samples of open intervals have said last of the columns known ahead; it is not saved with them."""

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}

    def note(self, name: str, said: Said) -> None:
        """Note what a sample of a stream has said; what it leaves open was said before."""
        before = self._said.get(name)
        if said:
            self._said[name] = (
                said if not before else [b if a is None else a for a, b in zip(said, before, strict=True)]
            )

    def take(self, name: str, count: int) -> Iterator[Said]:
        """Return what goes with so many samples that come of an interval and those after it."""
        return (self._said.pop(name, ()) if not at else () for at in range(count))
