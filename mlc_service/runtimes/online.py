"""Models kept warm for scoring one record at a time."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mlc_service.runtimes.environments import Environments, EnvironmentUnavailable
from mlc_service.runtimes.folders import RunFolder, UnsafePath
from mlc_service.runtimes.local import parse_event, wall_around
from mlc_service.runtimes.model_source import ModelFunctions
from mlc_service.runtimes.runs import RunLimits, RuntimeSettings
from mlc_service.runtimes.sandbox import ChildGone, SandboxedChild, SandboxUnavailable, check_sandbox

ErrorKind = Literal["input", "output", "state"]
NOT_RUNNING = "An error has occurred: the model is not running"
OUTPUT_ERROR = "An output error occurred during model execution, please check the engine logs for details"
CONSOLE_LINES = 200


@dataclass(frozen=True, slots=True)
class OnlineSource:
    """What a deployed model is made of; the meaning of each field is that of `ModelRun`."""

    files: Mapping[str, bytes]
    primary: str
    functions: ModelFunctions
    deployed: Mapping[str, Any] = field(default_factory=dict)  # the document that init receives
    requirements: str | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    input_schema: str | None = None
    output_schema: str | None = None


class ScoringError(RuntimeError):
    """A record that was not scored.

    `kind`: "input" the record was refused, "output" the model failed on it, "state" the model is not able to
    score at all (not loaded, crashed, too slow). `str()` is ModelOp's text (4.5), `detail` says more.
    """

    def __init__(self, kind: ErrorKind, message: str, detail: str = "") -> None:
        self.kind: ErrorKind = kind
        self.message = message
        self.detail = detail
        super().__init__(message)


class OnlineModel:
    """One warm child process with the model loaded. Thread-safe; records are scored one after another."""

    def __init__(self, source: OnlineSource, settings: RuntimeSettings) -> None:
        self._source = source
        self._settings = settings
        self._environments = Environments(settings.environments)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._child: SandboxedChild | None = None
        self._folder: RunFolder | None = None
        self._closed = False
        self.console: list[str] = []

    def start(self) -> None:
        """The model is loaded and its init has run. Safe to repeat. Raises ScoringError("state", …)."""
        with self._lock:
            self._running()

    def score(self, record: Any) -> Any:
        """The model's answer to one record (JSON values in and out); starts the child if there is none.

        Raises ScoringError. A child that died or was too slow is replaced on the next call.
        """
        try:
            line = json.dumps(record, allow_nan=False).encode()
        except (TypeError, ValueError) as wrong:
            raise _refused("input", "encoding", str(wrong)) from wrong
        with self._lock:
            child = self._running()
            number = next(self._numbers)
            seconds = self._source.limits.score_seconds
            try:
                child.send(b"%d %s" % (number, line), seconds)
                answer = self._answer(child, "scored", time.monotonic() + seconds, number)
            except (ChildGone, TimeoutError) as gone:
                raise self._lost(child, f"no answer within {seconds:g} s", gone) from gone
        if "refused" in answer:
            raise _refused(answer["refused"], str(answer.get("by")), str(answer.get("detail", "")))
        return answer.get("output")

    def close(self) -> None:
        """The child process is gone. Safe to repeat; a closed model answers with ScoringError("state", …)."""
        with self._lock:
            self._closed = True
            self._discard()

    def _running(self) -> SandboxedChild:
        if self._closed:
            raise ScoringError("state", NOT_RUNNING, "the model was closed")
        if self._child is None:
            self._child = self._load()
        return self._child

    def _load(self) -> SandboxedChild:
        """A new child with the model loaded and init run."""
        source = self._source
        try:
            check_sandbox(self._settings.sandbox)
            environment = self._environments.prepare(source.requirements)
        except (EnvironmentUnavailable, SandboxUnavailable) as wrong:
            raise ScoringError("state", NOT_RUNNING, str(wrong)) from wrong
        self._folder = RunFolder.create(self._settings.work)
        try:
            self._folder.place(source.files)
            wall = wall_around(self._folder, environment, source.limits, None, self._settings)
            self._child = child = SandboxedChild(wall)
        except (UnsafePath, OSError) as wrong:
            self._discard()
            raise ScoringError("state", NOT_RUNNING, str(wrong)) from wrong
        seconds = source.limits.seconds
        try:
            child.send(_order(source), seconds)
            self._answer(child, "ready", time.monotonic() + seconds)
        except (ChildGone, TimeoutError) as gone:
            raise self._lost(child, f"init took longer than {seconds:g} s", gone) from gone
        return child

    def _answer(self, child: SandboxedChild, wanted: str, deadline: float, number: int | None = None) -> dict[str, Any]:
        """The event we wait for. Raises ChildGone, TimeoutError, ScoringError when the model says it cannot."""
        while child.is_open:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for channel, line in child.lines(left):
                if channel == "console":
                    self.console = [*self.console[-CONSOLE_LINES:], line[:2000].decode(errors="replace")]
                    continue
                event = parse_event(line)
                if event.get("event") == wanted and event.get("n") == number:
                    return event
                if event.get("event") == "stop":
                    self._discard()
                    raise ScoringError("state", NOT_RUNNING, str(event.get("reason")))
        raise ChildGone

    def _lost(self, child: SandboxedChild, late: str, why: Exception) -> ScoringError:
        """The child is done away with; the next call starts another."""
        end = child.stop() if isinstance(why, TimeoutError) else child.wait(5.0)
        self._discard()
        if isinstance(why, TimeoutError):
            return ScoringError("state", NOT_RUNNING, late)
        return ScoringError("state", NOT_RUNNING, f"the model {end.told()}")

    def _discard(self) -> None:
        child, folder = self._child, self._folder
        self._child = self._folder = None
        if child is not None:
            child.stop()
        if folder is not None:
            folder.remove()


class OnlineModels:
    """The warm models of this process, by deployed model id. Thread-safe."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._models: dict[str, OnlineModel] = {}

    def open(self, deployed_model_id: str, source: OnlineSource) -> OnlineModel:
        """The model is loaded and answers under this id, in place of an older one. Raises ScoringError."""
        model = OnlineModel(source, self._settings)
        try:
            model.start()
        except BaseException:
            model.close()
            raise
        with self._lock:
            older = self._models.get(deployed_model_id)
            self._models[deployed_model_id] = model
        if older is not None:
            older.close()
        return model

    def find(self, deployed_model_id: str) -> OnlineModel | None:
        """The model under this id, or None where none was opened in this process."""
        with self._lock:
            return self._models.get(deployed_model_id)

    def close(self, deployed_model_id: str) -> None:
        """No model answers under this id. Safe to repeat."""
        with self._lock:
            model = self._models.pop(deployed_model_id, None)
        if model is not None:
            model.close()

    def close_all(self) -> None:
        """No child process of this pool is left."""
        with self._lock:
            models = list(self._models.values())
            self._models.clear()
        for model in models:
            model.close()


class TriedModels:
    """For a process that deploys models and scores none: a model is started to see whether it does, and not kept."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings

    def open(self, deployed_model_id: str, source: OnlineSource) -> OnlineModel:  # noqa: ARG002
        """The model has been loaded, and is closed again. Raises ScoringError."""
        model = OnlineModel(source, self._settings)
        try:
            model.start()
        finally:
            model.close()
        return model

    def find(self, deployed_model_id: str) -> None:
        """There is never one."""

    def close(self, deployed_model_id: str) -> None:
        """Nothing is open."""


def _refused(kind: ErrorKind, by: str, detail: str) -> ScoringError:
    """The error in ModelOp's words (4.5)."""
    if by == "error":
        return ScoringError(kind, f"An error has occurred: {OUTPUT_ERROR}", detail)
    return ScoringError(kind, f"An error has occurred: {kind} record rejected by {by}", detail)


def _order(source: OnlineSource) -> bytes:
    return json.dumps(
        {
            "kind": "online",
            "primary": source.primary,
            "functions": asdict(source.functions),
            "job": source.deployed,
            "input_schema": source.input_schema,
            "output_schema": source.output_schema,
        }
    ).encode()
