"""A database in memory around the engine: every input loads the instance, runs it to its next wait and stores it.

What is open (tasks, jobs, subscriptions) is kept by what the effects say, as the service keeps its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import count
from time import process_time
from typing import Any

import orjson

from mlc_service.engine import CalledElement, Callee, Caller, Definition, Execution, StoredInstance
from mlc_service.engine import effects as fx
from mlc_service.language.scripts import ScriptOutcome, ScriptRunner

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCRIPTS = ScriptRunner()


@dataclass(slots=True)
class Row:
    """One instance as a database keeps it."""

    definition: Definition
    caller: Caller | None
    state: bytes = b""
    scopes: dict[int, bytes] = field(default_factory=dict)
    tasks: dict[int, fx.TaskCreated] = field(default_factory=dict)
    jobs: dict[int, fx.JobCreated] = field(default_factory=dict)
    external: dict[int, fx.ExternalTaskCreated] = field(default_factory=dict)
    subscriptions: dict[int, fx.Subscribed] = field(default_factory=dict)
    history_rows: int = 0
    is_ended: bool = False


class World:
    """Deployed definitions and their instances. It is the engine's host as well."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self.definitions = {definition.key: definition for definition in definitions}
        self.rows: dict[str, Row] = {}
        self.zone: tzinfo = UTC
        self.scripts_at: list[float] = []
        self._ids = (f"{number:08x}-0000-4000-8000-000000000000" for number in count(1))

    # -- what the engine asks ---------------------------------------------------------------------------------------

    def run_script(
        self, language: str, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptOutcome:
        self.scripts_at.append(process_time())
        return SCRIPTS.run(language, source, variables, facts=facts)

    def groups_of(self, user: str | None) -> list[str]:
        return []

    def decide(self, *asked: Any) -> list[dict[str, Any]]:
        raise AssertionError("no diagram here has a decision")

    def listen(self, *asked: Any) -> ScriptOutcome:
        raise AssertionError("no diagram here has a listener")

    def call(self, wanted: CalledElement) -> Callee:
        return Callee(next(self._ids), self.definitions[wanted.key], None, self)

    def stored(self, instance_id: str) -> StoredInstance:
        row = self.rows[instance_id]
        scopes = {number: orjson.loads(variables) for number, variables in row.scopes.items()}
        return StoredInstance(instance_id, row.definition, None, self, row.state, scopes, None, row.caller)

    # -- inputs -----------------------------------------------------------------------------------------------------

    def start(self, variables: Mapping[str, Any] | None = None, key: str = "p") -> str:
        """The id of a new instance that has run to its first wait and is stored."""
        instance_id = next(self._ids)
        definition = self.definitions[key]
        self._store(Execution.start(definition, self, instance_id=instance_id, now=NOW, variables=variables))
        return instance_id

    def feed(self, instance_id: str, step: Callable[[Execution], object]) -> None:
        """The stored instance has taken the step; it and all that it touched are stored."""
        execution = Execution.of(self.stored(instance_id), now=NOW)
        step(execution)
        self._store(execution)

    def complete_all(self) -> int:
        """Every open user task has been completed, one input for each, and those that came then, too; how many."""
        completed = 0
        while True:
            opened = [(instance_id, number) for instance_id, row in self.rows.items() for number in row.tasks]
            if not opened:
                return completed
            for instance_id, number in opened:
                self.feed(instance_id, lambda execution, number=number: execution.complete_task(number))
            completed += len(opened)

    def receive_all(self, instance_id: str, times: int) -> None:
        """The message that the instance waits for has come that often, one input for each."""
        for _ in range(times):
            number = next(iter(self.rows[instance_id].subscriptions))
            self.feed(instance_id, lambda execution, number=number: execution.receive(number))

    @property
    def is_ended(self) -> bool:
        return all(row.is_ended for row in self.rows.values())

    def _store(self, execution: Execution) -> None:
        for one in execution.touched():
            row = self.rows.get(one.instance_id)
            if row is None:
                row = self.rows[one.instance_id] = Row(one._instance.definition, one.caller)
            row.state = one.dump()
            for number, variables in one.changed_scopes().items():
                if variables is None:
                    row.scopes.pop(number, None)
                else:
                    row.scopes[number] = orjson.dumps(variables)
            for effect in one.effects:
                _write(row, effect)


def _write(row: Row, effect: fx.Effect) -> None:
    match effect:
        case fx.TaskCreated():
            row.tasks[effect.number] = effect
        case fx.TaskEnded():
            del row.tasks[effect.number]
        case fx.JobCreated():
            row.jobs[effect.number] = effect
        case fx.JobDropped():
            del row.jobs[effect.number]
        case fx.ExternalTaskCreated():
            row.external[effect.number] = effect
        case fx.ExternalTaskEnded():
            del row.external[effect.number]
        case fx.Subscribed():
            row.subscriptions[effect.number] = effect
        case fx.Unsubscribed():
            del row.subscriptions[effect.number]
        case fx.InstanceEnded():
            row.is_ended = True
        case _:
            row.history_rows += 1
