"""What the device installs stays small: which packages each part may import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "onnx", "matplotlib", "polars", "rich", "safetensors", "optuna", "edgeseq_export", "paho")

_LISTING = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def imported(code: str) -> set[str]:
    """The packages that a fresh Python has imported after running the code."""
    command = [sys.executable, "-c", f"{code}; {_LISTING}"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1].split())


USE = "from edgeseq_runtime import Predictor, Pool; p = Predictor({!r}); p.step(1.0); Pool(p.session).step({{1: 1.0}})"


def test_the_runtime_imports_none_of_the_hosts_packages(model_path: Path) -> None:
    names = imported(f"import edgeseq_runtime; {USE.format(str(model_path))}")
    assert "onnxruntime" in names
    assert not names.intersection((*HEAVY, "click", "edgeseq"))


def test_that_test_would_notice(model_path: Path) -> None:
    """Were the host's packages imported, the listing would have them."""
    names = imported(f"import edgeseq.training.fitting; {USE.format(str(model_path))}")
    assert {"torch", "onnx", "safetensors"} <= names


@pytest.mark.parametrize("module", ["edgeseq", "edgeseq.cli", "edgeseq_runtime.spec"])
def test_starting_the_command_line_imports_no_engine(module: str) -> None:
    """Nor NumPy, which `--help` would wait for."""
    assert not imported(f"import {module}").intersection((*HEAVY, "onnxruntime", "numpy"))


@pytest.mark.parametrize("words", [["predict"], ["info"], ["verify"], ["bench"]])
def test_the_devices_commands_import_none_of_the_hosts_packages(model_path: Path, words: list[str]) -> None:
    code = f"from edgeseq import cli; import os; cli.run({[*words, str(model_path)]!r}) == 0 or os._exit(1)"
    command = [sys.executable, "-c", f"{code}; {_LISTING}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert not set(done.stdout.splitlines()[-1].split()).intersection(HEAVY)


def test_exporting_needs_no_torch(brief_path: Path, tmp_path: Path) -> None:
    code = f"from edgeseq import cli; cli.run(['export', {str(brief_path)!r}, '-o', {str(tmp_path / 'm.onnx')!r}])"
    names = imported(code)
    assert (tmp_path / "m.onnx").exists()
    assert "onnx" in names
    assert "torch" not in names


def test_onnxruntimes_telemetry_is_off(model_path: Path, tmp_path: Path) -> None:
    """A stream writes nothing into the user's cache, where onnxruntime's telemetry keeps its files."""
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache"), "PATH": "/usr/bin:/bin"}
    home["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    subprocess.run([sys.executable, "-c", USE.format(str(model_path))], check=True, env=home)
    assert not list(tmp_path.rglob(".onnxruntime"))


def test_a_device_without_onnxruntime_is_told_what_to_install(model_path: Path) -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None; from edgeseq import cli; "
        f"sys.exit(cli.run(['predict', {str(model_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "edgeseq: onnxruntime is not installed; pip install 'edgeseq[cpu]', or 'edgeseq[gpu]' where there is an "
        "NVIDIA GPU\n"
    )


def test_a_device_without_paho_is_told_what_to_install(model_path: Path) -> None:
    code = (
        "import sys; sys.modules['paho'] = None; from edgeseq import cli; sys.exit(cli.run("
        f"['predict', {str(model_path)!r}, '--mqtt', 'mqtt://localhost/a', '--publish', 'f']))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "edgeseq: paho is not installed; pip install 'edgeseq[mqtt]'"


@pytest.mark.parametrize(("package", "extra"), [("torch", "train"), ("polars", "train"), ("rich", "train")])
def test_a_host_without_a_package_is_told_what_to_install(package: str, extra: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; from edgeseq import cli; "
        f"sys.exit(cli.run(['train', 'co2', '--steps', '1', '-o', {str(tmp_path / 'c')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"edgeseq: {package} is not installed; pip install 'edgeseq[{extra}]'"
