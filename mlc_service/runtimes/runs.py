"""What a model run is given and what comes back: plain data, no database, no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlc_service.runtimes.model_source import ModelFunctions

RunKind = Literal["score", "metrics", "train"]
JobStatus = Literal["COMPLETE", "ERROR"]
JobResult = Literal["SUCCESS", "FAILURE", "UNKNOWN"]
SandboxKind = Literal["landlock", "rlimits"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """Where a local runtime works and how it walls models in.

    `environments` keeps the model environments (safe to delete, safe to share between services);
    `work` holds one folder per running model, removed afterwards (None = the system's temporary folder).
    `sandbox` "landlock" refuses to run where the kernel lacks Landlock; "rlimits" runs models without a wall
    around files and network, and has to be asked for.
    """

    environments: Path
    work: Path | None = None
    sandbox: SandboxKind = "landlock"


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may use; the run is stopped and ends in ERROR when it asks for more.

    `seconds` counts wall time from the start of the model's process, `score_seconds` bounds one online record,
    `memory_bytes` bounds resident memory of the process and all its children together, `file_bytes` each
    file written (output included), `artefact_bytes` all files of `outputDir/` together.
    """

    seconds: float = 600.0
    score_seconds: float = 10.0
    memory_bytes: int = 2048 * MIB
    file_bytes: int = 256 * MIB
    artefact_bytes: int = 256 * MIB
    messages: int = 1000
    message_chars: int = 2000


@dataclass(frozen=True, slots=True)
class InputData:
    """One input asset: JSON with one record a line, or CSV with a header line."""

    name: str
    content: bytes
    format: Literal["JSON", "CSV"] = "JSON"


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One model job: which function of which source runs over which data.

    `files` are all assets of the model by relative path (they make up its working folder), `primary` names
    the source file with the functions, `additional` are the job's own extra assets, laid over `files`.
    `job` is the job document that `init` receives. `input_schema` and `output_schema` are schema texts
    (Avro or extended, ModelOp 3.11); a schema that is given is checked.
    """

    kind: RunKind
    files: Mapping[str, bytes]
    primary: str
    functions: ModelFunctions
    inputs: tuple[InputData, ...] = ()
    additional: Mapping[str, bytes] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)
    requirements: str | None = None
    limits: RunLimits = RunLimits()
    stop_on_bad_records: bool = False
    input_schema: str | None = None
    output_schema: str | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended. COMPLETE with FAILURE means: it ran to the end and some records went wrong.

    `messages` follow ModelOp's job log, each with its time in front. `output` holds JSON lines (metrics: one
    object). `artefacts` are the files a run left in `outputDir/`, by path inside it. `error` says in
    a sentence why the run is ERROR or FAILURE, None on success.
    """

    status: JobStatus
    result: JobResult
    messages: list[str]
    output: bytes = b""
    records_in: int = 0
    records_out: int = 0
    artefacts: dict[str, bytes] = field(default_factory=dict)
    error: str | None = None
