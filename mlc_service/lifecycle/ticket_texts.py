"""What a ticket says. Pure: an order and what is known about its model in, a request to the tracker out.

A reviewer reads, in this order: what is asked, why the ticket exists, the model, what changed, the test results with
the rules they broke, and where to look further (ModelOp overview, steps 3, 4 and 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlc_service.delegate_api import JsonObject, TicketKind, TicketOrder, Verdict
from mlc_service.tickets.port import Kind, Priority, TicketRequest
from mlc_service.tickets.text import Block, Bullets, Heading, Paragraph, Table

_MESSAGES_SHOWN = 10
_RESULTS_SHOWN = 60
_CHANGES_SHOWN = 40

_PRIORITIES: Mapping[str, Priority] = {
    "lowest": "low",
    "low": "low",
    "normal": "normal",
    "medium": "normal",
    "high": "high",
    "highest": "urgent",
    "urgent": "urgent",
}
_PORT_KIND: Mapping[TicketKind, Kind] = {
    "MODEL_APPROVAL": "review",
    "MODEL_REVIEW": "review",
    "TEST_REVIEW": "failure",
    "JOB_NOTIFICATION": "error",
    "MODEL_NOTIFICATION": "error",
    "SIMPLE_NOTIFICATION": "error",
}
_SUMMARY: Mapping[TicketKind, str] = {
    "MODEL_APPROVAL": "Approve {name}",
    "MODEL_REVIEW": "Review {name}",
    "TEST_REVIEW": "Test of {name} failed: repair and run again",
    "JOB_NOTIFICATION": "Model job of {name} needs attention",
    "MODEL_NOTIFICATION": "Error while deploying {name}",
    "SIMPLE_NOTIFICATION": "A life-cycle process needs attention",
}
_ASKED: Mapping[TicketKind, str] = {
    "MODEL_APPROVAL": "Done approves this snapshot and lets it be deployed. Rejected keeps it out; please say why in a "
    "comment.",
    "MODEL_REVIEW": "Done approves, Rejected does not; please say why in a comment.",
    "TEST_REVIEW": "Repair what is wrong, then move this ticket to Done: the test runs again. Rejected gives up.",
    "JOB_NOTIFICATION": "For your information; close it when it is dealt with.",
    "MODEL_NOTIFICATION": "Something went wrong that is not the model's fault alone. Close it when it is dealt with.",
    "SIMPLE_NOTIFICATION": "Close it when it is dealt with.",
}
_REJECTION_SUMMARY = {
    "MISSING_TEST_DATA": "{name} rejected: it has no test data",
    "JOB_FAILED": "{name} rejected: its model job failed",
    "DMN_NOT_PASSED": "{name} rejected: test results below the thresholds",
    "REVIEW_REJECTED": "{name} rejected by the reviewer",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the life cycle knows beside the order: changes since `compared_with`, verdict, addresses to look at."""

    changes: tuple[str, ...] = ()
    compared_with: str | None = None
    verdict: Verdict | None = None
    links: tuple[tuple[str, str], ...] = ()


def ticket_request(order: TicketOrder, facts: Facts, key: str) -> TicketRequest:
    """The request that opens the ticket of this order."""
    name = _model_name(order)
    pattern = _REJECTION_SUMMARY[order.cause] if order.cause else _SUMMARY[order.kind]
    return TicketRequest(
        key=key,
        summary=order.title or pattern.format(name=name),
        description=tuple(_description(order, facts)),
        priority=_PRIORITIES.get(order.priority.lower(), "high" if order.cause else "normal"),
        labels=("mlc", order.cause.lower().replace("_", "-") if order.cause else order.kind.lower().replace("_", "-")),
        links=facts.links,
        kind="rejection" if order.cause else _PORT_KIND[order.kind],
    )


def reason(order: TicketOrder, verdict: Verdict | None = None) -> str:
    """Why this ticket exists, in a sentence or a few lines; each cause has its own."""
    if order.cause == "MISSING_TEST_DATA":
        return (
            "The snapshot asks for a test (tag run_test), but the model has no asset with the role TEST_DATA. "
            "Add test data to the model and create a new snapshot." + _own_words(order)
        )
    if order.cause == "JOB_FAILED":
        return f"The model job ended without a usable result: {_job_error(order)}{_own_words(order)}"
    if order.cause == "DMN_NOT_PASSED":
        table = f" of {verdict.comparator}" if verdict and verdict.comparator else ""
        why = "\n".join(f"- {one}" for one in verdict.reasons) if verdict and verdict.reasons else order.message
        return f"The test results did not pass the decision table{table}:\n{why}"
    if order.cause == "REVIEW_REJECTED":
        who = order.closed_by or "the reviewer"
        words = order.comment or order.message
        said = f' and wrote: "{words}"' if words else " without a comment"
        return f"{who} rejected the review ticket{said}"
    if order.kind in ("TEST_REVIEW", "JOB_NOTIFICATION") and order.job is not None:
        return f"The model job failed: {_job_error(order)}{_own_words(order)}"
    return order.message


def _own_words(order: TicketOrder) -> str:
    return f"\n{order.message}" if order.message else ""


def _job_error(order: TicketOrder) -> str:
    job = order.job or {}
    if job.get("jobError"):
        return str(job["jobError"])
    messages = job.get("jobMessages") or []
    return str(messages[-1]) if messages else "no message was written"


def _description(order: TicketOrder, facts: Facts) -> Iterable[Block]:
    yield Paragraph("This ticket reports a rejection." if order.cause else _ASKED[order.kind])
    if why := reason(order, facts.verdict):
        yield Heading("Why")
        yield Paragraph(why)
    if order.snapshot:
        yield Heading("Model")
        yield Table(("", ""), tuple(_model_facts(order.snapshot)))
        yield Heading("Changes" + (f" since {facts.compared_with}" if facts.compared_with else ""))
        yield Bullets(_cut(facts.changes, _CHANGES_SHOWN))
    if order.test_result:
        yield from _test_blocks(order.test_result, facts.verdict)
    if order.job:
        yield from _job_blocks(order.job)


def _model_name(order: TicketOrder) -> str:
    if not order.snapshot:
        return str(((order.job or {}).get("model") or {}).get("name") or "a model")
    return str((order.snapshot.get("metaData") or {}).get("name") or order.snapshot.get("id"))


def _model_facts(snapshot: JsonObject) -> Iterable[tuple[str, str]]:
    model = snapshot.get("storedModel") or {}
    meta, own = model.get("modelMetaData") or {}, snapshot.get("metaData") or {}
    facts: list[tuple[str, Any]] = [
        ("Model", meta.get("name")),
        ("Snapshot", own.get("name")),
        ("Snapshot id", snapshot.get("id")),
        ("Snapshot tags", ", ".join(own.get("tags") or [])),
        ("Created", f"{snapshot.get('createdDate')} by {snapshot.get('createdBy')}"),
        ("Group", snapshot.get("group")),
        ("Type", meta.get("type")),
        ("Methodology", meta.get("modelMethodology")),
        ("Risk", meta.get("modelRisk")),
        ("Organization", meta.get("modelOrganization")),
        ("Description", own.get("description") or meta.get("description")),
    ]
    return [(title, str(value)) for title, value in facts if value]


def _test_blocks(result: JsonObject, verdict: Verdict | None) -> Iterable[Block]:
    yield Heading("Test results")
    scalars = {
        name: value
        for name, value in (result.get("testResults") or {}).items()
        if isinstance(value, (str, int, float, bool))
    }
    rows = tuple((name, _number(value)) for name, value in list(scalars.items())[:_RESULTS_SHOWN])
    yield Table(("metric", "value"), rows)
    if len(scalars) > _RESULTS_SHOWN:
        yield Paragraph(f"and {len(scalars) - _RESULTS_SHOWN} more")
    if verdict is None or verdict.comparator is None:
        return
    if verdict.passed:
        yield Paragraph(f"All rules of {verdict.comparator} passed.")
    else:
        yield Paragraph(f"Rules of {verdict.comparator} that did not pass:")
        yield Bullets(verdict.reasons or (verdict.message,))


def _job_blocks(job: JsonObject) -> Iterable[Block]:
    yield Heading("Model job")
    runtime = (job.get("targetEngine") or {}).get("name") or "none"
    facts = (
        ("Job", str(job.get("id"))),
        ("Type", str(job.get("jobType"))),
        ("Status", f"{job.get('jobStatus')}, result {job.get('jobResult')}"),
        ("Runtime", str(runtime)),
    )
    yield Table(("", ""), facts)
    if messages := job.get("jobMessages"):
        yield Bullets(tuple(str(one) for one in messages[-_MESSAGES_SHOWN:]))


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cut(lines: tuple[str, ...], most: int) -> tuple[str, ...]:
    return lines if len(lines) <= most else (*lines[:most], f"and {len(lines) - most} more")
