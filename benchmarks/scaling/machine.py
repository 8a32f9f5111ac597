"""What the figures were measured on: the processor's name, and how large its caches are. Linux only."""

import os
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Machine:
    """One computer."""

    processor: str
    cores: int
    """That this process may use."""
    caches: dict[int, int]
    """Level -> bytes of what one core has for data, or shares with others."""

    def __str__(self) -> str:
        sizes = ", ".join(f"L{level} {_size(size)}" for level, size in sorted(self.caches.items()))
        return f"{self.processor}, {self.cores} cores, {sizes or 'caches unknown'}"


def here() -> Machine:
    """Return this one, as far as it tells."""
    return Machine(processor(_CPUINFO.read_text()), len(os.sched_getaffinity(0)), caches(_CACHES))


def processor(cpuinfo: str) -> str:
    """Return the name in the text of /proc/cpuinfo."""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def caches(folder: Path) -> dict[int, int]:
    """Return the bytes of each cache for data that a folder of sysfs lists."""
    found = {}
    for cache in sorted(folder.glob("index*")):
        if (cache / "type").read_text().strip() != "Instruction":
            kilobytes = (cache / "size").read_text().strip().removesuffix("K")
            found[int((cache / "level").read_text())] = 1024 * int(kilobytes)
    return found


def is_busy() -> bool:
    """Whether others have kept a core or more busy for the last minute."""
    return os.getloadavg()[0] > 1


def _size(size: int) -> str:
    return f"{size // 1024} KiB" if size < 1 << 20 else f"{size // (1 << 20)} MiB"
