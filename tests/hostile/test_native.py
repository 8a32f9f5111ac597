"""Machine code that nobody should load: under other names, from where others may write, damaged, or another model's."""

import ctypes
import logging
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import native as builder
from edgeseq_export.c import toolchain
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.native import cache, loading, owners
from edgeseq_runtime.errors import EdgeseqError, ModelFileError, UsageError
from edgeseq_runtime.model_file import library_file
from edgeseq_runtime.model_file.library_file import LibraryFile
from edgeseq_runtime.rules import AS_THEY_ARE
from tests.conftest import CommandLine
from tests.helpers import audit
from tests.helpers.keys import write_keys
from tests.hostile.test_lines import infinite

pytestmark = [
    pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here"),
    pytest.mark.skipif(not owners.are_known(), reason="this system does not tell who owns a file"),
]

needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives a file away")

SOMEBODY = 12345
"""A user that is neither root nor whoever runs the tests."""

SAMPLES = np.sin(np.arange(30) / 3).astype(np.float32)

MACH_O = b"\xcf\xfa\xed\xfe\x07\x00\x00\x01" + bytes(200)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def library(model: bytes) -> bytes:
    """The library of the model file that the tests share."""
    return builder.build(model)


@pytest.fixture
def never_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a library would be loaded."""

    def fail(*_: object) -> None:
        pytest.fail("a library was loaded that should have been refused")

    for name in ("CDLL", "PyDLL"):
        monkeypatch.setattr(ctypes, name, fail)


@pytest.fixture
def trap(tmp_path: Path) -> bytes:
    """A library that leaves a file where it was loaded."""
    (tmp_path / "trap.c").write_text(
        f'#include <stdio.h>\n__attribute__((constructor)) void go(void) {{ fopen("{tmp_path}/sprung", "w"); }}\n'
    )
    command = [*(toolchain.compiler() or []), "-shared", "-fPIC", str(tmp_path / "trap.c"), "-o"]
    subprocess.run([*command, str(tmp_path / "trap.so")], check=True)
    return (tmp_path / "trap.so").read_bytes()


# Under which name


@pytest.mark.parametrize(
    ("name", "command"),
    [
        *product(["model.onnx"], ["info", "info --json", "verify", "verify --key", "predict", "bench", "evaluate"]),
        *product(["model", "model.safetensors", "model.so.onnx", "model.so", "model.dylib"], ["info", "verify --key"]),
    ],
)
def test_a_strange_library_is_code_for_no_command(trap: bytes, tmp_path: Path, name: str, command: str) -> None:
    """Shown by an audit hook, and by what its code would have done."""
    path = tmp_path / name
    path.write_bytes(trap)
    word, *more = command.split()
    key = [write_keys(tmp_path, "own")[1]] if "--key" in more else []
    ran = audit.run([word, path, *more, *key])
    assert (ran.code, ran.err.count("\n")) == (1, 1), ran.err
    assert [name for name in ran.loaded if name.startswith(("/", "."))] == []
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(ModelFileError):
        Predictor(path)


@pytest.mark.parametrize("name", ["model.onnx", "model.dylib", "model.so"])
def test_a_library_for_macos_is_not_tried_either(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(MACH_O)
    for words in (["info", path], ["verify", path], ["verify", path, "--key", write_keys(tmp_path, "own")[1]]):
        ran = audit.run(words)
        assert (ran.code, ran.loaded, ran.err.count("\n")) == (1, [], 1)


def test_our_own_library_is_read_without_being_loaded(library: bytes, model: bytes, tmp_path: Path) -> None:
    """`info` shows what the model file within says, and `verify --key` refuses it, as it was not signed."""
    path = tmp_path / "model.so"
    path.write_bytes(library)
    shown, refused = audit.run(["info", path]), audit.run(["verify", path, "--key", write_keys(tmp_path, "own")[1]])
    assert (shown.code, shown.loaded) == (0, [])
    assert (refused.code, refused.loaded) == (1, [])
    assert "the library was not signed with the key" in refused.err
    assert LibraryFile.read(library, "it").model == model


def test_our_own_library_under_another_name_takes_the_provider(library: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(library)
    with pytest.raises(ModelFileError, match=r"is a native library, which is code: .* or with the provider 'native'"):
        Predictor(path)
    assert Predictor(path, provider="native").providers == ["native"]


# From where


def private(path: Path) -> Path:
    """A file that its owner alone may write."""
    path.chmod(0o600)
    return path


def group_file(path: Path) -> None:
    path.chmod(0o664)


def group_folder(path: Path) -> None:
    path.parent.chmod(0o775)


def group_above(path: Path) -> None:
    path.parent.parent.chmod(0o775)


def sticky_folder(path: Path) -> None:
    """Whoever may make files there could have made this one."""
    path.parent.chmod(0o1777)


def given_file(path: Path) -> None:
    os.chown(path, SOMEBODY, 0)


def given_folder(path: Path) -> None:
    os.chown(path.parent, SOMEBODY, 0)


def given_above(path: Path) -> None:
    os.chown(path.parent.parent, SOMEBODY, 0)


def given_sticky(path: Path) -> None:
    """A sticky folder protects from all but its owner."""
    path.parent.parent.chmod(0o1777)
    os.chown(path.parent.parent, SOMEBODY, 0)


def by_list(path: Path) -> None:
    """What an access control list gives to one more user shows in the group's bits."""
    setfacl = shutil.which("setfacl")
    if not setfacl or subprocess.run([setfacl, "-m", f"u:{SOMEBODY}:rw", path], check=False).returncode:
        pytest.skip("there are no access control lists here")


@pytest.mark.usefixtures("never_loaded")
@pytest.mark.parametrize(
    "opened",
    [
        group_file,
        group_folder,
        group_above,
        sticky_folder,
        by_list,
        pytest.param(given_file, marks=needs_root),
        pytest.param(given_folder, marks=needs_root),
        pytest.param(given_above, marks=needs_root),
        pytest.param(given_sticky, marks=needs_root),
    ],
)
def test_code_is_not_loaded_from_where_others_may_write(
    library: bytes, tmp_path: Path, opened: Callable[[Path], None]
) -> None:
    path = tmp_path / "a" / "b" / "model.so"
    path.parent.mkdir(parents=True)
    path.write_bytes(library)
    opened(private(path))
    link = tmp_path / "link.so"
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(UsageError, match="by others"):
            Predictor(name)


def test_a_sticky_folder_above_is_safe(library: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "model.so"
    path.parent.mkdir(parents=True)
    path.parent.parent.chmod(0o1777)
    path.write_bytes(library)
    private(path)
    assert Predictor(path).providers == ["native"]


def test_a_pipe_is_no_place_for_code(library: bytes, tmp_path: Path) -> None:
    """Nobody can tell who writes into it."""
    pipe = tmp_path / "model.so"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(UsageError, match="code is loaded from files only"):
        owners.check(pipe, library)


@pytest.mark.usefixtures("never_loaded")
def test_a_file_that_changes_while_it_is_opened_is_refused(
    library: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first look at it and the check of its owner."""
    path = tmp_path / "model.so"
    path.write_bytes(library)
    check = owners.check

    def swapped(name: Path, content: bytes) -> None:
        path.write_bytes(library[:-1] + b"x")
        check(name, content)

    monkeypatch.setattr(owners, "check", swapped)
    with pytest.raises(UsageError, match="was changed while it was opened"):
        Predictor(path)


def test_what_was_checked_is_what_is_loaded(
    library: bytes, trap: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is swapped after the check is not looked at again."""
    path = tmp_path / "model.so"
    path.write_bytes(library)
    check = owners.check

    def swapping(name: Path, content: bytes) -> None:
        check(name, content)
        path.write_bytes(trap)

    monkeypatch.setattr(owners, "check", swapping)
    assert Predictor(path).run(SAMPLES).shape == (30, 3, 1)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("lacking", ["memfd_create", "/proc"])
def test_without_files_in_memory_it_goes_through_a_folder_of_its_own(
    library: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    """Which only its user can enter, and which is gone afterwards."""
    path = tmp_path / "model.so"
    path.write_bytes(library)
    monkeypatch.setattr(loading, "_loaded", {})
    seen: list[int] = []
    load = ctypes.CDLL

    def loaded(name: str) -> Any:
        if name.startswith("/proc"):
            raise OSError("there is no /proc")
        seen.append(stat.S_IMODE(Path(name).parent.stat().st_mode))
        return load(name)

    if lacking == "memfd_create":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", loaded)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert Predictor(path).providers == ["native"]
    assert seen == [0o700]
    assert list(tmp_path.glob("edgeseq-*")) == []


def test_two_models_in_one_process_do_not_take_each_others_code() -> None:
    """Though the loader knows libraries by their path."""
    contents = [edgeseq_export.build(make_checkpoint(seed=seed)) for seed in range(4)]
    for content in contents * 2:
        made, wanted = (Predictor(content, provider=provider).run(SAMPLES) for provider in ("native", "cpu"))
        np.testing.assert_allclose(made, wanted, atol=2e-6)
    descriptors = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for content in contents * 3:
        Predictor(content, provider="native")
    assert not descriptors or len(list(Path("/proc/self/fd").iterdir())) <= descriptors


# Damaged


END = 134
"""Bytes behind the code, of which the last 64 are the signature."""


@pytest.mark.usefixtures("never_loaded")
@pytest.mark.parametrize("every", [997, pytest.param(37, marks=pytest.mark.slow)])
def test_a_library_with_a_flipped_bit_is_not_loaded(library: bytes, tmp_path: Path, every: int) -> None:
    path = tmp_path / "model.so"
    assert library[-END:].startswith(b"edgeseq-library-1\n")
    for at in {*range(0, len(library) - END, every), *range(len(library) - END, len(library) - 64)}:
        damaged = bytearray(library)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            Predictor(path)


@pytest.mark.usefixtures("never_loaded")
@pytest.mark.parametrize("length", [5, 64, 4000, 20_000, -1, -64, -END, -END - 1])
def test_a_cut_library_is_one_line(edgeseq: CommandLine, library: bytes, tmp_path: Path, length: int) -> None:
    """Loading half of one would end the process."""
    path = tmp_path / "model.so"
    path.write_bytes(library[:length])
    for command in ("predict", "verify", "info"):
        answer = edgeseq(command, path)
        assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1), answer.err


def test_a_sealed_library_without_what_it_needs_is_one_line(trap: bytes, model: bytes, tmp_path: Path) -> None:
    """Whoever may sign and own it could have it run anyway; it is no traceback all the same."""
    path = tmp_path / "model.so"
    path.write_bytes(library_file.seal(trap + model, model))
    with pytest.raises(ModelFileError, match="none of edgeseq's"):
        Predictor(path)


# In the cache


def damaged_entries(library: bytes, other: bytes) -> dict[str, bytes]:
    """What may stand in the cache where the library of a model should."""
    flipped = bytearray(library)
    flipped[len(library) // 2] ^= 1
    return {
        "another model's": other,
        "cut in half": library[: len(library) // 2],
        "cut before its end": library[:-END],
        "empty": b"",
        "junk": b"\x7fELF" + bytes(1000),
        "text": b"no library",
        "a flipped bit": bytes(flipped),
    }


def test_a_cached_library_that_does_not_fit_is_made_anew(
    model: bytes, library: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With one note that names the file, and the model's own forecasts; a further start finds it in order."""
    wanted = Predictor(model, provider="cpu").run(SAMPLES)
    other = builder.build(edgeseq_export.build(make_checkpoint(seed=3, horizon=3)))
    path = cache.path_for(model)
    Predictor(model, provider="native")
    for kind, content in damaged_entries(library, other).items():
        private(path).write_bytes(content)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "edgeseq"):
            for how in (Predictor, Pool):
                how(model, provider="native")
        assert [str(path) in record.getMessage() for record in caplog.records] == [True], kind
        np.testing.assert_allclose(Predictor(model, provider="native").run(SAMPLES), wanted, atol=2e-6)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["link to a file", "link to nothing", "pipe"])
def test_what_is_no_file_in_the_cache_is_replaced(model: bytes, tmp_path: Path, kind: str) -> None:
    """Nothing is written through a link, nor waited for at a pipe."""
    victim, path = tmp_path / "victim", cache.path_for(model)
    path.parent.mkdir(mode=0o700, parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(victim)
    if kind != "link to nothing":
        victim.write_bytes(b"precious")
        victim.chmod(0o600)
    Predictor(model, provider="native")
    assert stat.S_ISREG(path.lstat().st_mode)
    assert victim.exists() == (kind != "link to nothing")
    assert not victim.exists() or victim.read_bytes() == b"precious"


def test_the_note_is_one_line_on_stderr(model_path: Path, model: bytes) -> None:
    path = cache.path_for(model)
    Predictor(model, provider="native")
    path.write_bytes(path.read_bytes()[:5000])
    ran = audit.run(["predict", model_path, "--provider", "native"])
    assert ran.code == 0
    assert [line.startswith("the model is compiled anew: ") for line in ran.err.splitlines()] == [True, False]


def test_a_cache_that_others_may_write_to_is_not_used(model: bytes) -> None:
    path = cache.path_for(model)
    Predictor(model, provider="native")
    path.chmod(0o620)
    with pytest.raises(UsageError, match="could have been changed by others"):
        Predictor(model, provider="native")


# What its forecasts are


def test_a_forecast_that_is_not_finite_is_missing_as_on_cpu() -> None:
    """With the same statuses, and a fresh stream behind each, by steps and in a pool."""
    content = infinite()
    cpu = Predictor(content, rules=AS_THEY_ARE)
    native = Predictor(content, provider="native", rules=AS_THEY_ARE)
    pool = Pool(content, provider="native", rules=AS_THEY_ARE)
    statuses = set()
    for value in [0.1, 1e5, 1e10, 1e20, 5e20, 0.2, 1e5, 0.3, None]:
        wanted, found, beside = cpu.step(value), native.step(value), pool.step({"a": value, "b": 0.0})["a"]
        np.testing.assert_allclose(found, wanted, rtol=1e-4)
        np.testing.assert_allclose(beside, wanted, rtol=1e-4)
        assert (native.status, pool.status_of("a"), native.counts) == (cpu.status, cpu.status, cpu.counts)
        assert all(np.isfinite(state).all() for state in native.states.values())
        statuses.add(cpu.status)
    assert statuses >= {"ok", "missing"}


# Signed


def test_a_library_is_signed_as_a_file(edgeseq: CommandLine, tmp_path: Path) -> None:
    """Machine code included: neither the model's signature alone nor another key's will do."""
    (key, public), (_, strangers) = write_keys(tmp_path, "own"), write_keys(tmp_path, "strangers")
    checkpoint, path = tmp_path / "m.safetensors", tmp_path / "m.so"
    make_checkpoint().save(checkpoint)
    edgeseq.must("export", checkpoint, "-o", path, "--format", "native", "--sign", key)
    content = path.read_bytes()
    said = edgeseq.must("verify", path, "--key", public).out
    assert said.splitlines()[-1].endswith(f"and signed with the key that belongs to {public}")
    assert Predictor(path, key=public).providers == ["native"]
    assert "was not signed" in edgeseq("verify", path, "--key", strangers).err
    file = LibraryFile.read(content, "it")
    for forged in (
        library_file.seal(file.code, file.model),  # the model within is signed, the code is not
        library_file.seal(file.code + b"\0", file.model)[:-64] + file.signature,  # that of another library
        content[:-1] + bytes([content[-1] ^ 1]),
    ):
        path.write_bytes(forged)
        for use in (lambda: Predictor(path, key=public), lambda: Pool(path, key=public)):
            with pytest.raises(ModelFileError, match="was not signed with the key"):
                use()


def test_a_signed_model_file_vouches_for_what_is_compiled_of_it(tmp_path: Path) -> None:
    key, public = write_keys(tmp_path, "own")
    signed = edgeseq_export.export(make_checkpoint(), key=key).content
    for _ in range(2):  # compiled, then out of the cache
        assert Predictor(signed, provider="native", key=public).providers == ["native"]
    with pytest.raises(ModelFileError, match="was not signed"):
        Predictor(edgeseq_export.build(make_checkpoint()), provider="native", key=public)


# The compiler


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CC", "gcc '", "CC in the environment is no list of words"),
        ("CFLAGS", "-O2 '", "CFLAGS in the environment is no list of words"),
        ("CC", "sh -c true", "but wrote nothing"),
    ],
)
def test_a_compiler_that_is_none_is_one_line(
    edgeseq: CommandLine, model_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    answer = edgeseq("predict", model_path, "--provider", "native")
    assert (answer.code in (1, 2), answer.err.count("\n")) == (True, 1)
    assert said in answer.err


def test_a_library_that_does_not_hold_the_model_is_not_sealed(model: bytes) -> None:
    with pytest.raises(EdgeseqError, match="does not hold the model file"):
        library_file.seal(b"\x7fELF", model)
