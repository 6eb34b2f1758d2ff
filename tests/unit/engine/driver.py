"""Drives an instance through the engine's door alone, stored and loaded again after every step.

The reload is the point: only a state that survives it is a state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from mlc_service.engine import (
    CalledElement,
    Callee,
    Caller,
    Definition,
    Execution,
    HostFailed,
    Instruction,
    MigrationInstruction,
    StoredInstance,
    generate_plan,
    parse_bpmn,
)
from mlc_service.engine import effects as fx
from mlc_service.engine.execution import ActivityInstance
from mlc_service.language.script_outcome import ThrownError
from mlc_service.language.scripts import ScriptOutcome, ScriptRunner

INSTANCE_ID = "7d4fb6a0-96e4-4b0e-9c65-1a2b3c4d5e6f"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KNOWN_DELEGATES = frozenset({"train", "deploy", "com.example.Deploy", "http-connector"})

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="defs" targetNamespace="test">\n'
)
_SCRIPTS = ScriptRunner()
# scripts that the host carries out itself: they note a word, or throw a BPMN error
_SAYING = re.compile(r'log\("(.*)"\)')
_THROWING = re.compile(r'throw "(.*)"')


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
        self.called: dict[str, Definition] = {}
        self.wanted: list[CalledElement] = []
        self.said: list[str] = []
        self.zone: tzinfo = UTC
        self.driver: Driver

    def run_script(
        self, language: str, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptOutcome:
        if saying := _SAYING.fullmatch(source):
            self.said.append(saying[1])
            return ScriptOutcome()
        if throwing := _THROWING.fullmatch(source):
            return ScriptOutcome(error=ThrownError(throwing[1], "thrown"))
        return _SCRIPTS.run(language, source, variables, facts=facts)

    def groups_of(self, user: str | None) -> list[str]:
        return ["muppets"] if user == "fozzie" else []

    def listen(
        self, implementation: str, event: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptOutcome:
        return ScriptOutcome(None, {"heard": [*variables.get("heard", ()), f"{implementation}:{event}"]})

    def task_facts(self, instance_id: str, number: int) -> Mapping[str, Any]:
        task = self.driver.instances[instance_id].tasks[number]
        names = ("name", "description", "assignee", "due", "follow_up", "priority")
        return {name: getattr(task, name) for name in names}

    def call(self, wanted: CalledElement) -> Callee:
        self.wanted.append(wanted)
        if wanted.key not in self.called:
            raise HostFailed(f"no process {wanted.key!r} is deployed")
        instance_id = INSTANCE_ID.replace("7d4fb6a0", f"{len(self.wanted):08x}")
        return Callee(instance_id, self.called[wanted.key], None, self)

    def stored(self, instance_id: str) -> StoredInstance:
        return self.driver.stored(instance_id)

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


class Stored:
    """One instance as a database would keep it: its state, its scopes, what its effects say is open."""

    def __init__(self, definition: Definition, caller: Caller | None, business_key: str | None = None) -> None:
        self.definition = definition
        self.caller = caller
        self.business_key = business_key
        self.state = b""
        self.scopes: dict[int, dict[str, Any]] = {}
        self.effects: list[fx.Effect] = []
        self.tasks: dict[int, fx.TaskCreated] = {}
        self.jobs: dict[int, fx.JobCreated] = {}
        self.external: dict[int, fx.ExternalTaskCreated] = {}
        self.subscriptions: dict[int, fx.Subscribed] = {}
        self.running: dict[int, fx.ActivityStarted] = {}
        self.finished: list[tuple[str, bool]] = []
        self.ended: fx.InstanceEnded | None = None

    def keep(self, execution: Execution) -> None:
        self.state = execution.dump()
        for number, variables in execution.changed_scopes().items():
            if variables is None:
                self.scopes.pop(number, None)
            else:
                self.scopes[number] = variables
        for effect in execution.effects:
            self._apply(effect)
        self.effects.extend(execution.effects)

    def _apply(self, effect: fx.Effect) -> None:
        match effect:
            case fx.TaskCreated():
                self.tasks[effect.number] = effect
            case fx.TaskChanged():
                self.tasks[effect.number] = self.tasks[effect.number]._replace(**effect.changes)
            case fx.TaskEnded():
                del self.tasks[effect.number]
            case fx.JobCreated():
                self.jobs[effect.number] = effect
            case fx.JobDropped():
                del self.jobs[effect.number]
            case fx.JobChanged():
                self.jobs[effect.number] = self.jobs[effect.number]._replace(**effect.changes)
            case fx.ExternalTaskCreated():
                self.external[effect.number] = effect
            case fx.ExternalTaskEnded():
                del self.external[effect.number]
            case fx.Subscribed():
                self.subscriptions[effect.number] = effect
            case fx.Unsubscribed():
                del self.subscriptions[effect.number]
            case fx.Resubscribed(number, name):
                self.subscriptions[number] = self.subscriptions[number]._replace(event_name=name)
            case fx.Migrated(_, renamed, _):
                for table in (self.tasks, self.jobs, self.external, self.subscriptions):
                    for number, row in table.items():
                        table[number] = row._replace(activity_id=renamed.get(row.activity_id, row.activity_id))
            case fx.ActivityMigrated():
                self.running[effect.number] = fx.ActivityStarted(*effect)
            case fx.TaskMigrated(number, key, reference):
                self.tasks[number] = self.tasks[number]._replace(form_key=key, form_ref=reference)
            case fx.ActivityStarted():
                self.running[effect.number] = effect
            case fx.ActivityEnded():
                self.finished.append((self.running.pop(effect.number).activity_id, effect.canceled))
            case fx.InstanceEnded():
                assert self.ended is None
                self.ended = effect


class Driver:
    """One instance and what it calls; open tasks, jobs and subscriptions are kept by what the effects say.

    Every step begins with loading and ends with storing, of all instances that it touches.
    """

    def __init__(
        self,
        source: bytes,
        variables: Mapping[str, Any] | None = None,
        *,
        at: str | None = None,
        decisions: Mapping[str, list[dict[str, Any]]] | None = None,
        user: str | None = None,
        calls: Iterable[bytes] = (),
        instructions: Sequence[Instruction] = (),
        business_key: str | None = None,
    ) -> None:
        self.definition: Definition = parse_bpmn(source, "test.bpmn", KNOWN_DELEGATES)[0]
        self.host = TestHost(decisions)
        self.host.driver = self
        for called in calls:
            for definition in parse_bpmn(called, "called.bpmn", KNOWN_DELEGATES):
                self.host.called[definition.key] = definition
        self.host.called.setdefault(self.definition.key, self.definition)
        self.now = START
        self.user = user
        self.instances: dict[str, Stored] = {}
        self._keep(
            Execution.start(
                self.definition,
                self.host,
                instance_id=INSTANCE_ID,
                now=self.now,
                at=at,
                variables=variables,
                user=user,
                instructions=instructions,
                business_key=business_key,
            )
        )

    def _keep(self, execution: Execution) -> None:
        for one in execution.touched():
            if one.instance_id not in self.instances:
                assert one.is_new
                self.instances[one.instance_id] = Stored(one._instance.definition, one.caller, one.business_key)
            self.instances[one.instance_id].definition = one._instance.definition
            self.instances[one.instance_id].keep(one)

    def stored(self, instance_id: str) -> StoredInstance:
        """What the engine asks for when a step reaches another instance."""
        kept = self.instances[instance_id]
        return StoredInstance(
            instance_id, kept.definition, None, self.host, kept.state, kept.scopes, kept.business_key, kept.caller
        )

    def load(self, instance_id: str = INSTANCE_ID) -> Execution:
        """The instance as a new process would load it."""
        kept = self.instances[instance_id]
        return Execution.load(
            kept.definition,
            self.host,
            instance_id=instance_id,
            now=self.now,
            state=kept.state,
            scopes=kept.scopes,
            business_key=kept.business_key,
            user=self.user,
            caller=kept.caller,
        )

    # -- inputs -------------------------------------------------------------------------------------------------

    def feed(self, step: Callable[[Execution], Any], instance_id: str = INSTANCE_ID) -> Any:
        """The instance has taken the step; it and all it touched are stored."""
        execution = self.load(instance_id)
        answer = step(execution)
        self._keep(execution)
        return answer

    def complete(self, activity_id: str, variables: Mapping[str, Any] | None = None) -> None:
        instance_id, number = self._find("tasks", activity_id)
        self.feed(lambda execution: execution.complete_task(number, variables), instance_id)

    def job(self, activity_id: str, kind: str = "async") -> None:
        """The job of that activity has run; the clock is moved to it if it is a timer."""
        instance_id, number = self._find("jobs", activity_id, kind)
        due = self.instances[instance_id].jobs[number].due
        if due is not None:
            self.now = max(self.now, due)
        if kind == "timer":
            self.feed(lambda execution: execution.fire_timer(number), instance_id)
        else:
            self.feed(lambda execution: execution.continue_job(number), instance_id)

    def delegate_sees(self, activity_id: str) -> dict[str, Any]:
        instance_id, number = self._find("jobs", activity_id)
        return self.load(instance_id).delegate_variables(number)

    def delegate(self, activity_id: str, written: Mapping[str, Any] | None = None, removed: Iterable[str] = ()) -> None:
        instance_id, number = self._find("jobs", activity_id)
        self.feed(lambda execution: execution.delegate_completed(number, written or {}, removed), instance_id)

    def delegate_error(self, activity_id: str, code: str, message: str | None = None) -> bool:
        instance_id, number = self._find("jobs", activity_id)
        caught: bool = self.feed(lambda execution: execution.delegate_failed(number, code, message), instance_id)
        return caught

    def external_done(self, activity_id: str, variables: Mapping[str, Any] | None = None) -> None:
        instance_id, number = self._find("external", activity_id)
        self.feed(lambda execution: execution.complete_external_task(number, variables), instance_id)

    def external_error(self, activity_id: str, code: str, message: str | None = None) -> None:
        instance_id, number = self._find("external", activity_id)
        self.feed(lambda execution: execution.external_task_error(number, code, message), instance_id)

    def task_error(
        self, activity_id: str, code: str, message: str | None = None, variables: Mapping[str, Any] | None = None
    ) -> None:
        instance_id, number = self._find("tasks", activity_id)
        self.feed(lambda execution: execution.task_error(number, code, message, variables), instance_id)

    def task_escalation(self, activity_id: str, code: str, variables: Mapping[str, Any] | None = None) -> None:
        instance_id, number = self._find("tasks", activity_id)
        self.feed(lambda execution: execution.task_escalation(number, code, variables), instance_id)

    def receive(self, event_name: str, variables: Mapping[str, Any] | None = None) -> None:
        for instance_id, kept in self.instances.items():
            for number, subscription in kept.subscriptions.items():
                if subscription.event_name == event_name:
                    self.feed(lambda execution, number=number: execution.receive(number, variables), instance_id)
                    return
        raise AssertionError(f"nobody waits for {event_name!r}")

    def write(self, **variables: Any) -> None:
        self.feed(lambda execution: execution.set_variables(variables))

    def write_at(self, activity_id: str, **variables: Any) -> None:
        """The variables are local to the activity instance."""
        number = next(number for number, row in self.running.items() if row.activity_id == activity_id)
        self.feed(lambda execution: execution.set_variables(variables, scope=number))

    def remove(self, *names: str) -> None:
        self.feed(lambda execution: execution.set_variables({}, names))

    def modify(self, *instructions: Instruction) -> None:
        self.feed(lambda execution: execution.modify(instructions))

    def migrate(
        self,
        source: bytes,
        plan: Sequence[MigrationInstruction] | None = None,
        *,
        updates_triggers: bool = False,
        **skips: bool,
    ) -> None:
        """The instance has gone over to the file's process, by a generated plan if none is given."""
        target = parse_bpmn(source, "target.bpmn", KNOWN_DELEGATES)[0]
        if plan is None:
            plan = generate_plan(self.definition, target, updates_triggers=updates_triggers)
        self.feed(lambda execution: execution.migrate(target, "target", self.host, plan, **skips))
        self.definition = target

    def cancel(self) -> None:
        self.feed(lambda execution: execution.cancel())

    def _find(self, table: str, activity_id: str, kind: str | None = None) -> tuple[str, int]:
        for instance_id, kept in self.instances.items():
            for number, row in getattr(kept, table).items():
                if row.activity_id == activity_id and (kind is None or row.kind == kind):
                    return instance_id, number
        raise AssertionError(f"{activity_id!r} is in no {table}")

    # -- what can be seen ---------------------------------------------------------------------------------------

    @property
    def _own(self) -> Stored:
        return self.instances[INSTANCE_ID]

    @property
    def called(self) -> Stored:
        """The last instance that was called."""
        return list(self.instances.values())[-1]

    @property
    def effects(self) -> list[fx.Effect]:
        return self._own.effects

    @property
    def tasks(self) -> dict[int, fx.TaskCreated]:
        return self._own.tasks

    @property
    def jobs(self) -> dict[int, fx.JobCreated]:
        return self._own.jobs

    @property
    def external(self) -> dict[int, fx.ExternalTaskCreated]:
        return self._own.external

    @property
    def subscriptions(self) -> dict[int, fx.Subscribed]:
        return self._own.subscriptions

    @property
    def running(self) -> dict[int, fx.ActivityStarted]:
        return self._own.running

    @property
    def finished(self) -> list[tuple[str, bool]]:
        return self._own.finished

    @property
    def ended(self) -> fx.InstanceEnded | None:
        return self._own.ended

    @property
    def variables(self) -> dict[str, Any]:
        return self._own.scopes.get(0, {})

    @property
    def scopes(self) -> dict[int, dict[str, Any]]:
        return self._own.scopes

    @property
    def state(self) -> bytes:
        return self._own.state

    @state.setter
    def state(self, state: bytes) -> None:
        self._own.state = state

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
    def tree(self) -> str:
        """The activity tree in one line: `sub(a b) c`; a tilde before what waits in an asynchronous continuation."""

        def shown(node: ActivityInstance) -> str:
            inside = " ".join([*(shown(child) for child in node.children), *(f"~{at}" for _, at in node.transitions)])
            return inside if not node.number else f"{node.activity_id}({inside})" if inside else node.activity_id

        return shown(self.load().activity_tree())

    @property
    def done(self) -> list[str]:
        """Activities that completed, in order."""
        return [activity for activity, canceled in self.finished if not canceled]

    @property
    def canceled(self) -> list[str]:
        return [activity for activity, canceled in self.finished if canceled]

    @property
    def waits(self) -> list[str]:
        """What is waited for besides people, by kind and element, sorted."""
        own = self._own
        rows = (*own.jobs.values(), *own.subscriptions.values())
        return sorted(f"{row.kind} {row.activity_id}" for row in rows)

    def heard(self) -> str:
        """What the scripts `log("…")` have said since this was last asked, all instances together."""
        said = " ".join(self.host.said)
        self.host.said.clear()
        return said

    def in_seconds(self, activity_id: str) -> float:
        """When the timer of the activity is due, counted from the start."""
        due = next(job.due for job in self.jobs.values() if job.activity_id == activity_id and job.due)
        return (due - START) / timedelta(seconds=1)
