"""Drives an instance through the engine's door alone, stored and loaded again after every step.

The reload is the point: only a state that survives it is a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from mlc_service.engine import Definition, Execution, HostFailed, parse_bpmn
from mlc_service.engine import effects as fx
from mlc_service.engine.execution import ActivityInstance
from mlc_service.language.scripts import ScriptOutcome, ScriptRunner

INSTANCE_ID = "7d4fb6a0-96e4-4b0e-9c65-1a2b3c4d5e6f"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KNOWN_DELEGATES = frozenset({"train", "deploy", "com.example.Deploy"})

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="defs" targetNamespace="test">\n'
)
_SCRIPTS = ScriptRunner()


def diagram(process: str, outside: str = "") -> bytes:
    """A file with one executable process `p` of the given content."""
    return (
        f'{_HEAD}{outside}<bpmn:process id="p" isExecutable="true">{process}</bpmn:process></bpmn:definitions>'.encode()
    )


def flow(source: str, target: str, condition: str | None = None, flow_id: str | None = None) -> str:
    """A sequence flow; ids follow from its ends."""
    flow_id = flow_id or f"{source}-{target}"
    inner = (
        f'<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">{condition}</bpmn:conditionExpression>'
        if condition
        else ""
    )
    return f'<bpmn:sequenceFlow id="{flow_id}" sourceRef="{source}" targetRef="{target}">{inner}</bpmn:sequenceFlow>'


def flows(*path: str) -> str:
    """Flows along a path."""
    return "".join(flow(source, target) for source, target in pairwise(path))


class TestHost:
    """Scripts for real, decisions from a table."""

    __test__ = False

    def __init__(self, decisions: Mapping[str, list[dict[str, Any]]] | None = None) -> None:
        self.decisions = decisions or {}

    def run_script(
        self, language: str, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptOutcome:
        return _SCRIPTS.run(language, source, variables, facts=facts)

    def groups_of(self, user: str | None) -> list[str]:
        return ["muppets"] if user == "fozzie" else []

    def decide(
        self,
        decision_key: str,
        binding: str,
        version: str | None,
        variables: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> list[dict[str, Any]]:
        if decision_key not in self.decisions:
            raise HostFailed(f"no decision definition {decision_key!r}")
        return self.decisions[decision_key]


class Driver:
    """One instance; open tasks, jobs and subscriptions are kept by what the effects say, as a database would."""

    def __init__(
        self,
        source: bytes,
        variables: Mapping[str, Any] | None = None,
        *,
        at: str | None = None,
        decisions: Mapping[str, list[dict[str, Any]]] | None = None,
        user: str | None = None,
    ) -> None:
        self.definition: Definition = parse_bpmn(source, "test.bpmn", KNOWN_DELEGATES)[0]
        self.host = TestHost(decisions)
        self.now = START
        self.user = user
        self.effects: list[fx.Effect] = []
        self.tasks: dict[int, fx.TaskCreated] = {}
        self.jobs: dict[int, fx.JobCreated] = {}
        self.subscriptions: dict[int, fx.Subscribed] = {}
        self.running: dict[int, fx.ActivityStarted] = {}
        self.finished: list[tuple[str, bool]] = []
        self.ended: fx.InstanceEnded | None = None
        self._scopes: dict[int, dict[str, Any]] = {}
        self._state = b""
        self._keep(
            Execution.start(
                self.definition,
                self.host,
                instance_id=INSTANCE_ID,
                now=self.now,
                at=at,
                variables=variables,
                user=user,
            )
        )

    def _keep(self, execution: Execution) -> None:
        self._state = execution.dump()
        for number, variables in execution.changed_scopes().items():
            if variables is None:
                self._scopes.pop(number, None)
            else:
                self._scopes[number] = variables
        for effect in execution.effects:
            self._apply(effect)
        self.effects.extend(execution.effects)

    def _apply(self, effect: fx.Effect) -> None:
        match effect:
            case fx.TaskCreated():
                self.tasks[effect.number] = effect
            case fx.TaskEnded():
                del self.tasks[effect.number]
            case fx.JobCreated():
                self.jobs[effect.number] = effect
            case fx.JobDropped():
                del self.jobs[effect.number]
            case fx.Subscribed():
                self.subscriptions[effect.number] = effect
            case fx.Unsubscribed():
                del self.subscriptions[effect.number]
            case fx.ActivityStarted():
                self.running[effect.number] = effect
            case fx.ActivityEnded():
                self.finished.append((self.running.pop(effect.number).activity_id, effect.canceled))
            case fx.InstanceEnded():
                assert self.ended is None
                self.ended = effect

    def load(self) -> Execution:
        """The instance as a new process would load it."""
        return Execution.load(
            self.definition,
            self.host,
            instance_id=INSTANCE_ID,
            now=self.now,
            state=self._state,
            scopes=self._scopes,
            user=self.user,
        )

    # -- inputs -------------------------------------------------------------------------------------------------

    def complete(self, activity_id: str, variables: Mapping[str, Any] | None = None) -> None:
        execution = self.load()
        execution.complete_task(self._number(self.tasks, activity_id), variables)
        self._keep(execution)

    def job(self, activity_id: str, kind: str = "async") -> None:
        """The job of that activity has run; the clock is moved to it if it is a timer."""
        number = next(n for n, job in self.jobs.items() if job.activity_id == activity_id and job.kind == kind)
        due = self.jobs[number].due
        if due is not None:
            self.now = max(self.now, due)
        execution = self.load()
        if kind == "timer":
            execution.fire_timer(number)
        else:
            execution.continue_job(number)
        self._keep(execution)

    def delegate_sees(self, activity_id: str) -> dict[str, Any]:
        return self.load().delegate_variables(self._number(self.jobs, activity_id))

    def delegate(self, activity_id: str, written: Mapping[str, Any] | None = None, removed: Iterable[str] = ()) -> None:
        execution = self.load()
        execution.delegate_completed(self._number(self.jobs, activity_id), written or {}, removed)
        self._keep(execution)

    def delegate_error(self, activity_id: str, code: str, message: str | None = None) -> bool:
        execution = self.load()
        caught = execution.delegate_failed(self._number(self.jobs, activity_id), code, message)
        self._keep(execution)
        return caught

    def receive(self, event_name: str, variables: Mapping[str, Any] | None = None) -> None:
        number = next(n for n, sub in self.subscriptions.items() if sub.event_name == event_name)
        execution = self.load()
        execution.receive(number, variables)
        self._keep(execution)

    def cancel(self) -> None:
        execution = self.load()
        execution.cancel()
        self._keep(execution)

    @staticmethod
    def _number(table: Mapping[int, Any], activity_id: str) -> int:
        return next(number for number, row in table.items() if row.activity_id == activity_id)

    # -- what can be seen ---------------------------------------------------------------------------------------

    @property
    def variables(self) -> dict[str, Any]:
        return self._scopes.get(0, {})

    @property
    def scopes(self) -> dict[int, dict[str, Any]]:
        return self._scopes

    @property
    def state(self) -> bytes:
        return self._state

    @property
    def is_ended(self) -> bool:
        return self.ended is not None

    @property
    def active(self) -> list[str]:
        """Ids of the leaves of the activity tree, sorted."""

        def leaves(node: ActivityInstance) -> list[str]:
            if not node.children and node.number:
                return [node.activity_id]
            return [leaf for child in node.children for leaf in leaves(child)]

        return sorted(leaves(self.load().activity_tree()))

    @property
    def done(self) -> list[str]:
        """Activities that completed, in order."""
        return [activity for activity, canceled in self.finished if not canceled]

    @property
    def canceled(self) -> list[str]:
        return [activity for activity, canceled in self.finished if canceled]

    def in_seconds(self, activity_id: str) -> float:
        """When the timer of the activity is due, counted from the start."""
        due = next(job.due for job in self.jobs.values() if job.activity_id == activity_id and job.due)
        return (due - START) / timedelta(seconds=1)
