"""The boards that QEMU emulates with a core of each kind, and how to compile for them."""

from dataclasses import dataclass

COMPILER = "arm-none-eabi-gcc"
EMULATOR = "qemu-system-arm"


@dataclass(frozen=True)
class Board:
    """A microcontroller."""

    core: str
    machine: str
    """QEMU's name."""
    flags: tuple[str, ...]
    """The compiler's."""

    @property
    def emulator(self) -> list[str]:
        """Return the command that runs an image; it counts time in instructions, and prints to our stdout."""
        console = ["-display", "none", "-monitor", "none", "-serial", "none"]
        answering = ["-semihosting-config", "enable=on,target=native"]
        return [EMULATOR, "-M", self.machine, *console, *answering, "-icount", "shift=6,sleep=off", "-kernel"]


BOARDS = (
    Board("Cortex-M3", "mps2-an385", ("-mcpu=cortex-m3", "-mfloat-abi=soft")),
    Board("Cortex-M4", "mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    Board("Cortex-M7", "mps2-an500", ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-d16")),
    Board("Cortex-M55", "mps3-an547", ("-mcpu=cortex-m55", "-mfloat-abi=hard")),
)
"""Without a floating point unit, with one of single precision, and two larger ones."""
