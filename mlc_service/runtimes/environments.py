"""One Python environment per set of requirements, built with uv once and kept."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uv

LAYOUT = "1"  # part of the key: raise it when the way we build changes
DEFAULT_REQUIREMENTS = "numpy\npandas\n"
MARKER = "mlc-environment.json"
BUILD_SECONDS = 900.0
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
ELSEWHERE = re.compile(r"://|^[./~]|\s@\s|^[^\s\[;#]+@\s")
ASK_PYTHON = (
    "import json, sys, sysconfig as s; "
    "print(json.dumps([sys.version, sys.base_prefix, s.get_path('stdlib'), s.get_path('platstdlib')]))"
)


@dataclass(frozen=True, slots=True)
class Environment:
    """A ready Python environment: its interpreter and the folders it has to read."""

    python: Path
    readable: tuple[Path, ...]
    key: str


class EnvironmentUnavailable(RuntimeError):
    """The requirements cannot be installed; `reason` says which and why, in the installer's words."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Environments:
    """The environments below one folder, by hash of requirements and Python version."""

    def __init__(self, folder: Path, python: str | None = None) -> None:
        """`python` is an interpreter for uv (path or version); None is the one that runs the service."""
        self._folder = folder.absolute()
        self._python = python or sys.executable

    def prepare(self, requirements: str | None, on_message: Callable[[str], None] | None = None) -> Environment:
        """The environment for these requirements exists. Safe to repeat, and safe to call from many processes.

        None or blank means pandas and numpy only; pandas is added where it is not named, as metrics and train
        are given data frames. Wheels from the configured index only: building from source or from an address
        would run code outside the sandbox. Raises EnvironmentUnavailable.
        """
        wanted = _normalised(requirements)
        version = f"{self._python} {sys.version}"
        key = hashlib.sha256(f"{LAYOUT}\n{version}\n{wanted}".encode()).hexdigest()[:20]
        place = self._folder / key
        if not (place / MARKER).exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            with _locked(self._folder / f"{key}.lock"):
                if not (place / MARKER).exists():
                    self._build(place, wanted, on_message or (lambda _line: None))
        return _load(place, key)

    def _build(self, place: Path, wanted: str, say: Callable[[str], None]) -> None:
        say(f"preparing environment {place.name}: {', '.join(wanted.split())}"[:400])
        building = Path(tempfile.mkdtemp(prefix=f"{place.name}.building-", dir=self._folder))
        try:
            # no seed packages, no configuration of the folder we happen to be in
            self._uv(building, "venv", "--quiet", "--no-project", "--python", self._python, str(building / "env"))
            python = building / "env" / "bin" / "python"
            (building / "requirements.txt").write_text(wanted, encoding="utf-8")
            self._uv(
                building, "pip", "install", "--quiet", "--no-build", "--compile-bytecode", "--python", str(python),
                "--requirements", str(building / "requirements.txt"),
            )  # fmt: skip
            answer = subprocess.run([python, "-I", "-c", ASK_PYTHON], capture_output=True, check=True, timeout=60)
            version, base, *stdlib = json.loads(answer.stdout)
            marker = {"version": version, "base": base, "stdlib": stdlib}
            (building / MARKER).write_text(json.dumps(marker), encoding="utf-8")
            shutil.rmtree(place, ignore_errors=True)  # a place without marker is no environment
            os.rename(building, place)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _uv(self, folder: Path, *arguments: str) -> None:
        # a machine behind an authority of its own has told the system about it, not uv
        trust = ["--system-certs"] if _system_knows_authorities() else []
        command = [uv.find_uv_bin(), *trust, *arguments]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=BUILD_SECONDS, text=True)
        except subprocess.TimeoutExpired as late:
            reason = f"installing the requirements took longer than {BUILD_SECONDS:.0f} s"
            raise EnvironmentUnavailable(reason) from late
        if done.returncode != 0:
            told = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr).replace(str(folder), "").strip()
            raise EnvironmentUnavailable(f"the requirements cannot be installed: {' '.join(told.split())}"[:2000])


def _system_knows_authorities() -> bool:
    """Whether the system has certificates of authorities at all; a bare container has none."""
    return ssl.create_default_context().cert_store_stats()["x509_ca"] > 0


def _normalised(requirements: str | None) -> str:
    """One requirement a line, without comments; refuses what would reach beyond the package index."""
    kept: list[str] = []
    names: set[str] = set()
    joined = (requirements or "").replace("\\\n", " ")
    for line in joined.splitlines():
        text = re.sub(r"(^|\s)#.*$", "", line).strip().lstrip("\ufeff")
        if not text:
            continue
        if text.startswith("-"):
            raise EnvironmentUnavailable(f"requirements.txt may hold requirements only, not options: {text!r}")
        match = NAME.match(text)
        if ELSEWHERE.search(text) or match is None:
            raise EnvironmentUnavailable(f"requirements are installed from the package index only, not from {text!r}")
        kept.append(text)
        names.add(re.sub(r"[-_.]+", "-", match[0]).lower())
    if not kept:
        return DEFAULT_REQUIREMENTS
    if "pandas" not in names:
        kept.append("pandas")
    return "\n".join(kept) + "\n"


def _load(place: Path, key: str) -> Environment:
    marker = json.loads((place / MARKER).read_text(encoding="utf-8"))
    base = Path(marker["base"])
    # its libraries and programs, not the whole prefix: that may be /usr or somebody's home
    readable = (place, base / "bin", *(base.glob("lib/libpython*")), *(Path(each) for each in marker["stdlib"]))
    return Environment(place / "env" / "bin" / "python", tuple(readable), key)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
