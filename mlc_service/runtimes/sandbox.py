"""Starts the model's side in its wall, talks to it in lines, and ends it with all its children."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

import sandlock

from mlc_service.runtimes.runs import SandboxKind

WARDEN = Path(__file__).with_name("warden.py")
MODEL_SIDE = Path(__file__).with_name("model_side")

# what a Python with native libraries needs of the system; nothing below /home, /root, /tmp, /var or /etc
SYSTEM_READABLE = (
    "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/bin", "/usr/share/zoneinfo", "/usr/share/locale",
    "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom", "/dev/random",
    "/dev/zero", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu",
)  # fmt: skip
# by its place, not by sys.path: the folder above is behind the wall, and no name of ours may meet one of the model
BOOTSTRAP = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "_mlc_model_side", {str(MODEL_SIDE / "__init__.py")!r}, submodule_search_locations=[{str(MODEL_SIDE)!r}]
)
sys.modules["_mlc_model_side"] = importlib.util.module_from_spec(spec)
from _mlc_model_side.worker import main
main()
"""
SYSTEM_WRITABLE = ("/dev/null",)
MODEL_PROCESSES = 32
STOP_SECONDS = 5.0
LINE_BYTES = 64 * 1024 * 1024


class SandboxUnavailable(RuntimeError):
    """This machine cannot wall models in, and nobody allowed running them without."""


class ChildGone(RuntimeError):
    """The model's process has ended while it was wanted."""


def check_sandbox(kind: SandboxKind) -> None:
    """Models can be walled in on this machine in the way the settings ask for; raises SandboxUnavailable."""
    if kind == "rlimits":
        return
    have, need = sandlock.landlock_abi_version(), sandlock.min_landlock_abi()
    if have < need:
        raise SandboxUnavailable(
            f"this kernel offers Landlock ABI {have}, the sandbox needs {need} "
            "(Linux 6.7 or newer with Landlock enabled). Run models on such a machine, or set the sandbox to "
            "'rlimits' to run them without a wall around files and network."
        )


@dataclass(frozen=True, slots=True)
class Wall:
    """What a model's process may see and use. `seconds` None: it lives until it is stopped."""

    python: Path
    folder: Path
    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    memory_bytes: int
    file_bytes: int
    seconds: float | None
    sandbox: SandboxKind
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How the model's process ended: by itself with `status` (minus the signal), or by its warden."""

    cause: Literal["ended", "time", "memory", "stopped", "refused"]
    status: int = 0
    detail: str = ""

    def told(self) -> str:
        """What happened, as the second half of a sentence that begins with 'the model'."""
        if self.cause == "ended" and self.status < 0:
            return f"crashed ({_signal_name(-self.status)})"
        if self.cause == "ended":
            return f"ended its own process (exit code {self.status}: os._exit, or a crash in native code)"
        return {
            "time": "ran out of time",
            "memory": "used more memory than it may",
            "stopped": "was stopped",
            "refused": f"could not be walled in: {self.detail}",
        }[self.cause]


class SandboxedChild:
    """A model's process: lines in, lines out on one channel, its console on another."""

    def __init__(self, wall: Wall) -> None:
        report_read, report_write = os.pipe()
        try:
            self._warden = subprocess.Popen(
                [sys.executable, "-I", str(WARDEN), _order(wall), str(report_write), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(report_write,),
                start_new_session=True,
                env={},
                bufsize=0,
            )
        except BaseException:
            os.close(report_read)
            raise
        finally:
            os.close(report_write)
        streams = (self._warden.stdin, self._warden.stdout, self._warden.stderr)
        self._in, self._out, self._console = (_piped(each) for each in streams)
        self._report = report_read
        os.set_blocking(self._in.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._partial = {"answer": b"", "console": b""}
        self._selector.register(self._out, selectors.EVENT_READ, "answer")
        self._selector.register(self._console, selectors.EVENT_READ, "console")
        self._end: ChildEnd | None = None

    @property
    def is_open(self) -> bool:
        """More lines may come."""
        return self._end is None and bool(self._selector.get_map())

    def send(self, line: bytes, seconds: float) -> None:
        """The line is on its way to the model. Raises ChildGone, TimeoutError."""
        rest = memoryview(line + b"\n")
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as writable:
            writable.register(self._in, selectors.EVENT_WRITE)
            while rest:
                if not writable.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                try:
                    rest = rest[os.write(self._in.fileno(), rest) :]
                except BlockingIOError:
                    continue
                except (BrokenPipeError, ConnectionResetError) as gone:
                    raise ChildGone from gone

    def lines(self, seconds: float) -> list[tuple[str, bytes]]:
        """Complete lines that came within that time, as ("answer" | "console", line); waits for the first only."""
        found: list[tuple[str, bytes]] = []
        for key, _events in self._selector.select(max(0.0, seconds)):
            channel = str(key.data)
            chunk = os.read(key.fd, 1 << 16)
            if not chunk:
                self._selector.unregister(key.fileobj)
                if self._partial[channel]:
                    found.append((channel, self._partial[channel]))
                self._partial[channel] = b""
                continue
            *whole, rest = (self._partial[channel] + chunk).split(b"\n")
            found += [(channel, line) for line in whole]
            # a line without an end is cut: the model decides how long it is, we decide how much we hold
            self._partial[channel] = rest[:LINE_BYTES]
        return found

    def stop(self) -> ChildEnd:
        """The process and all it started are gone. Safe to repeat."""
        if self._end is not None:
            return self._end
        if self._warden.poll() is None:
            self._warden.send_signal(signal.SIGTERM)
        return self.wait(STOP_SECONDS)

    def wait(self, seconds: float) -> ChildEnd:
        """How it ended, waiting that long for it and using force after that."""
        if self._end is not None:
            return self._end
        try:
            self._warden.wait(seconds)
        except subprocess.TimeoutExpired:
            # the model's side dies with its warden (PR_SET_PDEATHSIG)
            self._warden.kill()
            self._warden.wait()
        told = os.read(self._report, 1 << 16)
        os.close(self._report)
        self._selector.close()
        for stream in (self._in, self._out, self._console):
            stream.close()
        if told:
            report = json.loads(told)
            self._end = ChildEnd(report["cause"], report["status"], report["detail"])
        else:
            self._end = ChildEnd("stopped", detail="its warden was killed")
        return self._end


def _piped(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _order(wall: Wall) -> str:
    readable = [*wall.readable, MODEL_SIDE, *(Path(each) for each in SYSTEM_READABLE)]
    return json.dumps(
        {
            "sandbox": wall.sandbox,
            "command": [str(wall.python), "-I", "-B", "-c", BOOTSTRAP],
            "folder": str(wall.folder),
            "readable": _existing(readable),
            "writable": _existing([*wall.writable, *(Path(each) for each in SYSTEM_WRITABLE)]),
            "environ": dict(wall.environ),
            "memory_bytes": wall.memory_bytes,
            "file_bytes": wall.file_bytes,
            "seconds": wall.seconds,
            "processes": MODEL_PROCESSES,
        }
    )


def _existing(paths: Iterable[Path]) -> list[str]:
    return list(dict.fromkeys(str(path.resolve()) for path in paths if path.exists()))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
