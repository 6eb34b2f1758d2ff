"""What every use case needs besides its unit of work. Built once by app.py."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from mlc_service.clock import Clock
from mlc_service.jobs.failures import RetryPolicy
from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.listeners import ListenerCall, ListenerOutcome, refuse
from mlc_service.process.parsed import Parsed
from mlc_service.process.retention import RetentionRules


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The clock, the script runner, the delegates diagrams may name, how jobs are retried, and the parsed files.

    `listen` calls a delegate that is a listener. A signal or message that more than `at_once` wait for is carried out
    by a job for each of them, after the command. `zone` is where the clocks hang that cron expressions speak of.
    `retention` says how long history is kept.
    """

    clock: Clock
    scripts: ScriptRunner
    known_delegates: Container[str]
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    parsed: Parsed = field(default_factory=Parsed)
    listen: Callable[[ListenerCall], ListenerOutcome] = refuse
    at_once: int = 100
    zone: tzinfo = UTC
    retention: RetentionRules = field(default_factory=RetentionRules)
