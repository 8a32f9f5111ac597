"""What a model may be called in C: an identifier, of which the header's name hides no other header."""

import re

from edgeseq_runtime.errors import UsageError

_LONGEST = 200
"""Of characters: file systems end at 255 with what is added."""

_HEADERS_OF = {
    "C, up to C23": """
        assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg
        stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdmchar stdnoreturn string tgmath threads
        time uchar wchar wctype
    """,
    "POSIX, and what C libraries have besides": """
        aio alloca byteswap dirent dlfcn elf endian err error execinfo fcntl features fmtmsg fnmatch ftw getopt
        glob grp iconv langinfo libgen libintl link malloc memory monetary mqueue ndbm netdb newlib nl_types paths
        poll pthread pwd regex resolv sched search semaphore spawn stdc strings stropts syslog tar termios trace
        ucontext ulimit unistd utime utmpx values wait wordexp
    """,
    "C++, which end in nothing: a system may ignore the end": """
        algorithm any array atomic barrier bit bitset cassert ccomplex cctype cerrno cfenv cfloat charconv chrono
        cinttypes ciso646 climits clocale cmath codecvt compare concepts condition_variable coroutine csetjmp
        csignal cstdalign cstdarg cstdbool cstddef cstdint cstdio cstdlib cstring ctgmath ctime cuchar cwchar
        cwctype deque exception execution expected filesystem flat_map flat_set format forward_list fstream
        functional future generator initializer_list iomanip ios iosfwd iostream istream iterator latch list map
        mdspan memory_resource mutex new numbers numeric optional ostream print queue random ranges ratio
        scoped_allocator set shared_mutex source_location span spanstream sstream stack stacktrace stdexcept
        stdfloat stop_token streambuf string_view strstream syncstream system_error thread tuple type_traits
        typeindex typeinfo unordered_map unordered_set utility valarray variant vector version
    """,
    "compilers, and cores of microcontrollers": """
        arm_acle arm_mve arm_neon immintrin arduino arduino_ble arduinoapi binary client cdc core_cm0 core_cm3
        core_cm4 core_cm7 cmsis_gcc cmsis_compiler eeprom ethernet firmata hardwareserial hid interrupt io
        ipaddress itoa keyboard liquidcrystal main mouse pgmspace pins_arduino pluggableusb printable progmem pwm
        sd server servo softwareserial spi stepper stream tone twi udp usbapi usbcore wcharacter wdt wifi wiring
        wiring_private wire wmath wprogram wstring zephyr kernel device autoconf
    """,
}
"""Names of headers, in lower case and without their end, by whose they are."""

_HEADERS = frozenset(name for names in _HEADERS_OF.values() for name in names.split())


def check_name(name: str) -> None:
    """Raise `UsageError` for a name that C cannot have, or whose header would hide another one."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise UsageError(
            f"{name[:80]!r} begins all names in the C, and must be one: letters, digits and _, a letter first"
        )
    if name.lower() in _HEADERS:
        raise UsageError(f"{name}.h is the name of another header, which this one would hide; choose another name")
    if len(name) > _LONGEST:
        raise UsageError(f"the name of the C has {len(name)} characters; at most {_LONGEST} are possible")
