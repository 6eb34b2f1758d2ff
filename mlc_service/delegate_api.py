"""All that the code behind a service task may import.

A delegate is a function that is given one `DelegateExecution`: it reads process variables, asks the life cycle
through `execution.ports`, and writes process variables.

    @delegate("GetJob", reads=("JOB_ID",), writes=("JOB",))
    def get_job(execution: DelegateExecution) -> None:
        "JOB is the model job with the id JOB_ID, as it stands now."
        execution.set("JOB", execution.ports.model_jobs.get(execution.required("JOB_ID", str)))

A delegate runs outside every transaction and may run again after a crash. Nothing happens twice because each port
method that writes takes a key (`execution.idempotency_key`, the same on every retry) and finds what it did before.

How a delegate ends: it returns (variables are kept), raises `BpmnError` (an error boundary event catches it), or
raises anything else (the engine tries again, and in the end a person finds an incident). `Refused` by the life cycle
is a `BpmnError` with the code FAILURE, as in ModelOp, and the message in ERROR_MESSAGE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, overload

import structlog

JsonObject = dict[str, Any]
T = TypeVar("T")

FAILURE = "FAILURE"
JAVA_PACKAGE = "com.modelop.mlc.delegate.modelop."

RejectionCause = Literal["MISSING_TEST_DATA", "JOB_FAILED", "DMN_NOT_PASSED", "REVIEW_REJECTED"]
TicketKind = Literal[
    "MODEL_APPROVAL", "MODEL_REVIEW", "TEST_REVIEW", "JOB_NOTIFICATION", "MODEL_NOTIFICATION", "SIMPLE_NOTIFICATION"
]


class BpmnError(Exception):
    """The activity fails in a way its diagram knows: an error boundary event with `code` takes over.

    `variables` become visible at the catching event.
    """

    def __init__(self, code: str, message: str = "", variables: Mapping[str, Any] | None = None) -> None:
        self.code = code
        self.message = message
        self.variables: JsonObject = dict(variables or {})
        super().__init__(f"{code}: {message}" if message else code)


class MissingVariable(LookupError):
    """A delegate needs a process variable that is not there, is null, or has another type."""

    def __init__(self, name: str, activity_id: str, found: object = None, wanted: str = "") -> None:
        self.name = name
        self.activity_id = activity_id
        what = "is missing" if found is None else f"is {type(found).__name__}, not {wanted}"
        super().__init__(f"activity '{activity_id}' needs the process variable {name}, which {what}")


class UnknownDelegate(LookupError):
    """No delegate answers to that class name or expression."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(f"no delegate answers to '{reference}'")


class Refused(Exception):
    """A rule of the life cycle says no; trying again will not help. The message is for a person."""


# --- ports: what the life cycle does for delegates -------------------------------------------------------------
#
# Documents are JSON objects with ModelOp's names. They are references: asset bytes are never inside (contentHash
# tells which bytes are meant). `get` methods raise Refused for an unknown id; `find` methods answer None.


class Snapshots(Protocol):
    """Deployable models. Reading only."""

    def get(self, snapshot_id: str) -> JsonObject: ...

    def latest_with_tag(self, tag: str) -> JsonObject | None:
        """The newest snapshot whose metaData.tags hold `tag`."""

    def latest_of(self, stored_model_id: str) -> JsonObject | None:
        """The newest snapshot of a stored model."""

    def assets(self, snapshot: JsonObject, role: str | None = None, usage: str | None = None) -> list[JsonObject]:
        """The assets of the snapshot, artefacts of its training included, in order; filtered if asked."""


class ModelJobs(Protocol):
    """Work on a runtime."""

    def create(self, job: JsonObject, key: str) -> JsonObject:
        """The model job exists and will run. Safe to repeat: `key` finds it. Raises Refused if it cannot run."""

    def get(self, job_id: str) -> JsonObject: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a decision table says about a test result; `reasons` are those of the rules that did not pass.

    `comparator` is the file name of the DMN, None if the model has none (then nothing can fail).
    """

    passed: bool
    message: str
    reasons: tuple[str, ...] = ()
    comparator: str | None = None


class ModelTestResults(Protocol):
    """What metrics jobs found out."""

    def parse(self, job: JsonObject) -> list[JsonObject]:
        """One unsaved test result for each output of a completed metrics job. Raises Refused if there is none."""

    def create(self, result: JsonObject, key: str) -> JsonObject:
        """The test result is stored. Once per model job: a second one answers with the first. Safe to repeat."""

    def verdict(self, result: JsonObject, comparator: str | None = None) -> Verdict:
        """The model's DMN was applied; `comparator` picks one by file name.

        Raises Refused if the model has several and none was picked, or if a cell cannot be evaluated.
        """


@dataclass(frozen=True, slots=True)
class RuntimeMatching:
    """Runtimes that fit a snapshot, best first, and for every runtime why or why not."""

    matching: list[JsonObject]
    explanation: list[JsonObject]

    @property
    def online(self) -> list[JsonObject]:
        """Those with endpoints."""
        return [runtime for runtime in self.matching if _has_endpoints(runtime)]

    @property
    def batch(self) -> list[JsonObject]:
        """Those without endpoints."""
        return [runtime for runtime in self.matching if not _has_endpoints(runtime)]


def _has_endpoints(runtime: JsonObject) -> bool:
    return bool(runtime.get("inputEndpoints") or runtime.get("outputEndpoints"))


class Runtimes(Protocol):
    """Engines, in ModelOp's words. Reading only."""

    def with_tag(self, tag: str) -> list[JsonObject]: ...

    def compatible_with(self, snapshot: JsonObject) -> RuntimeMatching: ...


class Deployments(Protocol):
    """Deployed models."""

    def deploy(self, snapshot_id: str, runtime_id: str, key: str) -> JsonObject:
        """The snapshot is the deployed one of its stored model on that runtime; the one before is superseded.

        Safe to repeat. Raises Refused if it cannot be deployed there.
        """


@dataclass(frozen=True, slots=True)
class TicketOrder:
    """A ticket somebody has to close; the life cycle writes its text from these facts."""

    kind: TicketKind
    snapshot: JsonObject | None = None
    job: JsonObject | None = None
    test_result: JsonObject | None = None
    cause: RejectionCause | None = None
    title: str = ""
    message: str = ""
    closed_by: str = ""
    comment: str = ""
    priority: str = ""
    custom_fields: JsonObject = field(default_factory=dict)


class Notifications(Protocol):
    """Words to people: plain notifications, and those with a ticket behind them."""

    def create(self, notification: JsonObject, key: str) -> JsonObject:
        """The notification is stored. Safe to repeat."""

    def open_ticket(self, order: TicketOrder, process_instance_id: str, key: str) -> JsonObject:
        """A notification with an assignment exists and so does its ticket. Safe to repeat, also after a crash.

        When the ticket is closed, the message `com.modelop.mlc.definitions.Messages_ticket_closed` reaches
        `process_instance_id` with TICKET_STATUS, TICKET_KEY, TICKET_CLOSED_BY, TICKET_COMMENT, NOTIFICATION.
        """


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a delegate can ask of the life cycle; app.py fills it."""

    snapshots: Snapshots
    model_jobs: ModelJobs
    test_results: ModelTestResults
    runtimes: Runtimes
    deployments: Deployments
    notifications: Notifications


# --- the execution ---------------------------------------------------------------------------------------------


class DelegateExecution:
    """One activity instance as its delegate sees it: variables in, variables out, ports, and who it is.

    `written` and `removed` are what the engine applies when the delegate returns.
    """

    def __init__(
        self,
        *,
        process_instance_id: str,
        process_definition_key: str,
        activity_id: str,
        idempotency_key: str,
        variables: Mapping[str, Any],
        ports: Ports,
        business_key: str | None = None,
    ) -> None:
        self.process_instance_id = process_instance_id
        self.process_definition_key = process_definition_key
        self.activity_id = activity_id
        self.idempotency_key = idempotency_key
        self.business_key = business_key
        self.ports = ports
        self.written: JsonObject = {}
        self.removed: set[str] = set()
        self._variables = dict(variables)

    @property
    def variables(self) -> JsonObject:
        """All variables visible here, with what this delegate has changed so far."""
        kept = {name: value for name, value in self._variables.items() if name not in self.removed}
        return kept | self.written

    def has(self, name: str) -> bool:
        """True if the variable exists, be it null."""
        return name in self.written or (name in self._variables and name not in self.removed)

    @overload
    def get(self, name: str) -> Any: ...
    @overload
    def get(self, name: str, default: T) -> Any | T: ...
    def get(self, name: str, default: Any = None) -> Any:
        """The variable's value, `default` if it does not exist."""
        if name in self.written:
            return self.written[name]
        return default if name in self.removed else self._variables.get(name, default)

    def required(self, name: str, wanted: type[T]) -> T:
        """The variable's value, surely of the wanted type. Raises MissingVariable."""
        value = self.get(name)
        if not isinstance(value, wanted):
            raise MissingVariable(name, self.activity_id, value, wanted.__name__)
        return value

    def set(self, name: str, value: Any) -> None:
        """The variable will have this value when the delegate returns."""
        self.removed.discard(name)
        self.written[name] = value

    def remove(self, name: str) -> None:
        """The variable will not exist when the delegate returns."""
        self.written.pop(name, None)
        self.removed.add(name)

    def log(self, event: str, **facts: Any) -> None:
        """One line in the service's log, with the instance and the activity."""
        structlog.get_logger("delegates").info(
            event, process_instance_id=self.process_instance_id, activity_id=self.activity_id, **facts
        )


# --- registration ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delegate:
    """A delegate and what its authors need to know: `name` as in ModelOp's catalogue, variables in and out."""

    name: str
    run: Callable[[DelegateExecution], None]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """The name in `camunda:delegateExpression="${...}"`."""
        return self.name[:1].lower() + self.name[1:]

    @property
    def java_class(self) -> str:
        """The name in `camunda:class`."""
        return JAVA_PACKAGE + self.name

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]

    def __call__(self, execution: DelegateExecution) -> None:
        """The delegate has run. Raises BpmnError, MissingVariable, or whatever else it stumbles over."""
        try:
            self.run(execution)
        except Refused as refused:
            raise BpmnError(FAILURE, str(refused), {"ERROR_MESSAGE": str(refused)}) from refused


def delegate(
    name: str, *, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()
) -> Callable[[Callable[[DelegateExecution], None]], Delegate]:
    """Decorator: the function is a delegate called `name`; it is registered by whoever lists it."""
    return lambda run: Delegate(name, run, reads, writes)


class DelegateRegistry:
    """Delegates by each name a diagram may use: Java class, `${expression}`, bare expression name."""

    def __init__(self, delegates: Iterable[Delegate]) -> None:
        self._delegates = {one.name: one for one in delegates}
        self._by_reference = {
            reference: one for one in self._delegates.values() for reference in (one.java_class, one.expression)
        }

    def __contains__(self, reference: object) -> bool:
        return isinstance(reference, str) and _bare(reference) in self._by_reference

    def __iter__(self) -> Iterator[str]:
        """The names that diagrams may use."""
        return iter(self._by_reference)

    def __len__(self) -> int:
        return len(self._by_reference)

    @property
    def delegates(self) -> tuple[Delegate, ...]:
        """Every delegate once, in the order of the catalogue."""
        return tuple(self._delegates.values())

    def find(self, reference: str) -> Delegate:
        """The delegate behind a `camunda:class` or `camunda:delegateExpression`. Raises UnknownDelegate."""
        found = self._by_reference.get(_bare(reference))
        if found is None:
            raise UnknownDelegate(reference)
        return found


def _bare(reference: str) -> str:
    text = reference.strip()
    return text[2:-1].strip() if text[:2] in ("${", "#{") and text.endswith("}") else text
