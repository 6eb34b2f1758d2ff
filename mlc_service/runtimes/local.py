"""Runs a model job in a sandboxed child process of this machine."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

from mlc_service.clock import Clock
from mlc_service.runtimes.environments import Environment, Environments, EnvironmentUnavailable
from mlc_service.runtimes.folders import RunFolder, TooMuchOutput, UnsafePath
from mlc_service.runtimes.runs import (
    JobResult,
    JobStatus,
    ModelRun,
    RunLimits,
    RunOutcome,
    RuntimeSettings,
)
from mlc_service.runtimes.sandbox import ChildEnd, ChildGone, SandboxedChild, Wall, check_sandbox

LOOK_SECONDS = 0.1  # how often a running job is asked whether it was cancelled
GRACE_SECONDS = 10.0  # for the warden to act on a limit, before we do
CONSOLE = "MODEL-CONSOLE: "


class LocalRuntime:
    """Executes model source on this machine, behind the sandbox."""

    def __init__(self, settings: RuntimeSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._environments = Environments(settings.environments)

    def run(
        self,
        run: ModelRun,
        on_message: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> RunOutcome:
        """The run has ended and its child processes are gone. A failing model is an outcome, never an exception.

        `on_message` gets each line of `RunOutcome.messages` as it is written (from the calling thread);
        `cancelled` is asked about ten times a second, and true stops the run.
        Not safe to repeat for models with effects of their own, but leaves nothing behind on this machine.
        Raises SandboxUnavailable when models cannot be walled in here.
        """
        check_sandbox(self._settings.sandbox)
        log = _Log(self._clock, run.limits, on_message)
        log.add("batch job received")
        try:
            environment = self._environments.prepare(run.requirements, log.add)
        except EnvironmentUnavailable as wrong:
            return _ended(log, "ERROR", "FAILURE", error=wrong.reason)
        log.add("loading batch job")
        folder = RunFolder.create(self._settings.work)
        try:
            folder.place({**run.files, **run.additional})
            return self._run_in(folder, environment, run, log, cancelled or (lambda: False))
        except UnsafePath as wrong:
            return _ended(log, "ERROR", "FAILURE", error=str(wrong))
        finally:
            folder.remove()

    def _run_in(
        self,
        folder: RunFolder,
        environment: Environment,
        run: ModelRun,
        log: _Log,
        cancelled: Callable[[], bool],
    ) -> RunOutcome:
        order = _order(run, folder)
        child = SandboxedChild(wall_around(folder, environment, run.limits, run.limits.seconds, self._settings))
        try:
            told, was_cancelled = _follow(child, order, run.limits, log, cancelled)
            end = child.wait(GRACE_SECONDS) if told or not was_cancelled else child.stop()
        finally:
            child.stop()
        log.add("Model runner exits")
        return _outcome(run, folder, log, told, end, was_cancelled)


class _Log:
    """The job's messages, each with its time, bounded in number and length."""

    def __init__(self, clock: Clock, limits: RunLimits, on_message: Callable[[str], None] | None) -> None:
        self._clock, self._limits, self._on_message = clock, limits, on_message
        self.lines: list[str] = []
        self._from_model = 0

    def add(self, text: str) -> None:
        now = self._clock.now()
        cut = text if len(text) <= self._limits.message_chars else text[: self._limits.message_chars] + " …"
        line = f"{now:%Y}/{now.month}/{now.day} {now:%H:%M:%S} {cut}"
        self.lines.append(line)
        if self._on_message is not None:
            self._on_message(line)

    def from_model(self, text: str) -> None:
        """As `add`, for lines whose number the model decides."""
        self._from_model += 1
        if self._from_model <= self._limits.messages:
            self.add(text)
        elif self._from_model == self._limits.messages + 1:
            self.add(f"(more than {self._limits.messages} lines from the model: the rest is left out)")


def wall_around(
    folder: RunFolder, environment: Environment, limits: RunLimits, seconds: float | None, settings: RuntimeSettings
) -> Wall:
    """The wall for a model that works in this folder."""
    return Wall(
        python=environment.python,
        folder=folder.assets,
        readable=(folder.inputs, *environment.readable),
        writable=(folder.assets, folder.out, folder.scratch),
        memory_bytes=limits.memory_bytes,
        file_bytes=limits.file_bytes,
        seconds=seconds,
        sandbox=settings.sandbox,
        environ={
            "HOME": str(folder.scratch),
            "TMPDIR": str(folder.scratch),
            "PATH": f"{environment.python.parent}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            # processes of its own need semaphores in /dev/shm, which the wall closes
            "JOBLIB_MULTIPROCESSING": "0",
            "OMP_NUM_THREADS": "2",
            "OPENBLAS_NUM_THREADS": "2",
            "MPLBACKEND": "agg",
        },
    )


def _order(run: ModelRun, folder: RunFolder) -> bytes:
    return json.dumps(
        {
            "kind": run.kind,
            "primary": run.primary,
            "functions": asdict(run.functions),
            "inputs": folder.place_inputs(run.inputs),
            "job": run.job,
            "output": str(folder.output),
            "progress": str(folder.progress),
            "stop_on_bad_records": run.stop_on_bad_records,
            "input_schema": run.input_schema,
            "output_schema": run.output_schema,
        }
    ).encode()


def _follow(
    child: SandboxedChild, order: bytes, limits: RunLimits, log: _Log, cancelled: Callable[[], bool]
) -> tuple[dict[str, Any] | None, bool]:
    """The model's own last word (None if it never came to that), and whether the run was cancelled."""
    told: dict[str, Any] | None = None
    give_up = time.monotonic() + limits.seconds + GRACE_SECONDS
    with contextlib.suppress(ChildGone, TimeoutError):  # what became of it shows below
        child.send(order, limits.seconds)
    while child.is_open and time.monotonic() < give_up:
        if cancelled():
            child.stop()
            return told, True
        for channel, line in child.lines(LOOK_SECONDS):
            if channel == "console":
                log.from_model(CONSOLE + line[: limits.message_chars].decode(errors="replace"))
                continue
            event = parse_event(line)
            if event.get("event") == "message":
                log.from_model(str(event.get("text")))
            elif event.get("event") in ("done", "stop"):
                told = event
    return told, False


def parse_event(line: bytes) -> dict[str, Any]:
    """An event of the model's side; empty for a line that is none (the model's code shares that process)."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _outcome(
    run: ModelRun, folder: RunFolder, log: _Log, told: dict[str, Any] | None, end: ChildEnd, cancelled: bool
) -> RunOutcome:
    try:
        output = folder.read_output(run.limits.file_bytes)
        artefacts = folder.read_artefacts(run.limits.artefact_bytes)
    except TooMuchOutput as wrong:
        return _ended(log, "ERROR", "FAILURE", error=str(wrong))
    records_out = output.count(b"\n")
    records_in = _count(told, "records_in")
    if cancelled:
        return _ended(log, "ERROR", "UNKNOWN", output, records_in, records_out, artefacts, "the job was cancelled")
    if told is None or end.cause != "ended" or end.status != 0:
        error = _why_ended(run.limits, end, folder.read_progress())
        return _ended(log, "ERROR", "FAILURE", output, records_in, records_out, artefacts, error)
    reason = str(told["reason"]) if told.get("reason") else None
    status: Literal["COMPLETE", "ERROR"] = "ERROR" if told["event"] == "stop" else "COMPLETE"
    result: JobResult = "FAILURE" if reason or status == "ERROR" else "SUCCESS"
    return _ended(log, status, result, output, records_in, records_out, artefacts, reason)


def _why_ended(limits: RunLimits, end: ChildEnd, doing: str) -> str:
    while_doing = f" while {doing}" if doing else ""
    if end.cause == "time":
        return f"the model ran longer than {limits.seconds:g} s and was stopped{while_doing}"
    if end.cause == "memory":
        mebibytes = limits.memory_bytes / (1 << 20)
        return f"the model used more than {mebibytes:,.0f} MiB of memory and was stopped{while_doing}"
    return f"the model {end.told()}{while_doing}"


def _count(told: dict[str, Any] | None, name: str) -> int:
    value = (told or {}).get(name, 0)
    return value if isinstance(value, int) and value >= 0 else 0


def _ended(
    log: _Log,
    status: JobStatus,
    result: JobResult,
    output: bytes = b"",
    records_in: int = 0,
    records_out: int = 0,
    artefacts: dict[str, bytes] | None = None,
    error: str | None = None,
) -> RunOutcome:
    if error is not None:
        log.add(error)
    log.add("batch job complete" if status == "COMPLETE" else "batch job ended with an error")
    log.add(f"Records in/out: {records_in}/{records_out}")
    return RunOutcome(status, result, log.lines, output, records_in, records_out, artefacts or {}, error)
