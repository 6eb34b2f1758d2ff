"""The process between the service and a model: puts the model behind its wall, watches it, and ends it.

Run as a script by `sandbox.py` in the service's own Python. A process of its own, because the wall is set up by
forking (which a service with threads should not do itself), and because somebody has to clean up when the service
is killed.

argv: the order as JSON, the number of the pipe for the report, the service's process id. Standard input, output and
error belong to the model. The report is one JSON object: {"cause", "status", "detail", "peak_bytes"}.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

POLL_MILLISECONDS = 40
PR_SET_CHILD_SUBREAPER = 36
PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    order: dict[str, Any] = json.loads(sys.argv[1])
    report_pipe, service = int(sys.argv[2]), int(sys.argv[3])
    os.set_inheritable(report_pipe, False)
    asked_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked_to_stop.append(number))
    # orphans of the model come to us, so that nothing it started survives it
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    limit_resources(order)
    try:
        pid, reap = start_walled(order) if order["sandbox"] == "landlock" else start_limited(order)
    except Exception as wrong:
        report(report_pipe, {"cause": "refused", "status": 0, "detail": f"{type(wrong).__name__}: {wrong}"})
        return
    cause, peak = watch(order, pid, service, asked_to_stop)
    status = exit_status(pid) if cause == "ended" else 0
    end_everything(pid)
    reap()
    end_everything(None)
    report(report_pipe, {"cause": cause, "status": status, "detail": "", "peak_bytes": peak})


def limit_resources(order: dict[str, Any]) -> None:
    """Second line of defence behind the watch below: limits that the kernel holds without us."""

    def cap(which: int, wanted: int) -> None:
        hard = resource.getrlimit(which)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (limit, limit))

    cap(resource.RLIMIT_CORE, 0)
    cap(resource.RLIMIT_FSIZE, order["file_bytes"])
    cap(resource.RLIMIT_NOFILE, 1024)
    # room on top: native libraries reserve memory that they never touch
    cap(resource.RLIMIT_DATA, order["memory_bytes"] + (512 << 20))
    if order["seconds"] is not None:
        cap(resource.RLIMIT_CPU, int(order["seconds"] * max(os.cpu_count() or 1, 1)) + 2)


def start_walled(order: dict[str, Any]) -> tuple[int, Callable[[], object]]:
    """The model runs behind Landlock and seccomp: the named paths, and no network at all."""
    import sandlock

    wall = sandlock.Sandbox(
        fs_readable=order["readable"],
        fs_writable=order["writable"],
        clean_env=True,
        env=order["environ"],
        cwd=order["folder"],
        no_coredump=True,
        max_processes=order["processes"],
    )
    child = wall.popen(order["command"])

    def reap() -> None:
        with contextlib.suppress(RuntimeError, OSError):  # it may have been reaped among the orphans
            child.wait(5.0)

    return child.pid, reap


def start_limited(order: dict[str, Any]) -> tuple[int, Callable[[], object]]:
    """The model runs in a process group of its own with limits, but without a wall."""
    child = subprocess.Popen(
        order["command"], env=order["environ"], cwd=order["folder"], process_group=0, close_fds=True
    )
    return child.pid, child.poll


def watch(order: dict[str, Any], pid: int, service: int, asked_to_stop: list[int]) -> tuple[str, int]:
    """Why the run is over ("ended", "time", "memory" or "stopped"), and the most memory that it used."""
    handle = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.register(0, 0)  # only its hang-up: the service closed its end, or died
    deadline = None if order["seconds"] is None else time.monotonic() + order["seconds"]
    peak = 0
    while True:
        ready = dict(poller.poll(POLL_MILLISECONDS))
        if handle in ready:
            return "ended", peak
        if 0 in ready or asked_to_stop or os.getppid() != service:
            return "stopped", peak
        if deadline is not None and time.monotonic() > deadline:
            return "time", peak
        used = sum(resident_bytes(each) for each in [pid, *descendants(pid)])
        peak = max(peak, used)
        if used > order["memory_bytes"]:
            return "memory", peak


def exit_status(pid: int) -> int:
    """The exit code, or minus the signal that ended the process; leaves it to be reaped."""
    try:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return 0
    if ended is None:
        return 0
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def end_everything(pid: int | None) -> None:
    """No process that came from the model is left running."""
    for _ in range(100):
        left = [each for each in descendants(os.getpid()) if each != pid]
        for each in [*([pid] if pid else []), *left]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        if not left:
            return
        for each in left:
            with contextlib.suppress(ChildProcessError):  # not ours yet: its parent is dying first
                os.waitpid(each, os.WNOHANG)
        time.sleep(0.005)


def resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def children(pid: int) -> list[int]:
    """Direct children of all threads of a process; by a walk over /proc where the kernel keeps no list."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += [int(each) for each in file.read().split()]
    except FileNotFoundError:
        return [] if not os.path.exists(f"/proc/{pid}") else children_by_walk(pid)
    except OSError:
        return found
    return found


def children_by_walk(pid: int) -> list[int]:
    found: list[int] = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            if parent == pid:
                found.append(int(entry))
    return found


def report(pipe: int, content: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the service may be gone: nobody to tell
        os.write(pipe, json.dumps(content).encode())


if __name__ == "__main__":
    main()
