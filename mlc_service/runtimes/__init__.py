"""Runs model code: batch jobs and online scoring, each in a sandboxed child process.

Pure of the database: a run is given plain data and answers with plain data.
"""

from mlc_service.runtimes.environments import Environment, Environments, EnvironmentUnavailable
from mlc_service.runtimes.local import LocalRuntime
from mlc_service.runtimes.model_source import ModelFunctions, ModelSourceError, detect_functions
from mlc_service.runtimes.online import OnlineModel, OnlineModels, OnlineSource, ScoringError, TriedModels
from mlc_service.runtimes.runs import InputData, ModelRun, RunKind, RunLimits, RunOutcome, RuntimeSettings, SandboxKind
from mlc_service.runtimes.sandbox import SandboxUnavailable

__all__ = [
    "Environment",
    "EnvironmentUnavailable",
    "Environments",
    "InputData",
    "LocalRuntime",
    "ModelFunctions",
    "ModelRun",
    "ModelSourceError",
    "OnlineModel",
    "OnlineModels",
    "OnlineSource",
    "RunKind",
    "RunLimits",
    "RunOutcome",
    "RuntimeSettings",
    "SandboxKind",
    "SandboxUnavailable",
    "ScoringError",
    "TriedModels",
    "detect_functions",
]
