"""The stand-in's project: issues, people, a workflow, and what Jira refuses."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Flavour = Literal["cloud", "data_center"]

STATUSES = {"To Do": ("10000", 2), "In Progress": ("3", 4), "Done": ("10001", 3), "Rejected": ("10002", 3)}
"""Name -> (id, id of its category)."""
WORKFLOW = {
    "To Do": ("In Progress", "Done", "Rejected"),
    "In Progress": ("To Do", "Done", "Rejected"),
    "Done": ("To Do",),
    "Rejected": ("To Do",),
}
TRANSITION_IDS = {"To Do": "11", "In Progress": "21", "Done": "31", "Rejected": "41"}
ISSUE_TYPES = {"Task": "10003", "Bug": "10004"}
PRIORITIES = {"Highest": "1", "High": "2", "Medium": "3", "Low": "4", "Lowest": "5"}
SERVICE_USER = "mlc-service"


class Refusal(Exception):
    """What Jira answers instead: a status and an error collection."""

    def __init__(self, status: int, *messages: str, **errors: str) -> None:
        self.status = status
        self.messages = list(messages)
        self.errors = errors
        super().__init__(f"{status} {messages} {errors}")


@dataclass(frozen=True)
class Comment:
    id: str
    author: str
    body: str
    created: datetime


@dataclass(frozen=True)
class Move:
    id: str
    author: str
    created: datetime
    from_status: str
    to_status: str


@dataclass
class Issue:
    id: str
    key: str
    summary: str
    description: str
    issue_type: str
    priority: str
    labels: list[str]
    assignee: str | None
    creator: str
    created: datetime
    status: str = "To Do"
    indexed: bool = True
    comments: list[Comment] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    other_fields: dict[str, Any] = field(default_factory=dict)


class Tracker:
    """All that one Jira knows. Every method holds the lock, so that tests and requests may come at once.

    `required_fields` maps a custom field's id to Jira's complaint when it is missing. While `index_held` is
    true, new issues do not show in searches (Jira's index is late); `index()` lets it catch up.
    """

    def __init__(
        self,
        flavour: Flavour,
        *,
        project: str = "MLC",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.flavour: Flavour = flavour
        self.project = project
        self._lock = threading.RLock()
        self.empty(now)

    def empty(self, now: Callable[[], datetime]) -> None:
        """Nothing has happened yet; `now` is the time from here on."""
        with self._lock:
            self.now = now
            self.issues: list[Issue] = []
            self.people: set[str] = {SERVICE_USER}
            self.required_fields: dict[str, str] = {}
            self.index_held = False
            self._last_id = 10000

    def create(self, fields: dict[str, Any], by: str, properties: dict[str, Any]) -> Issue:
        """A new issue in To Do; Refusal(400) with one complaint per wrong field."""
        with self._lock:
            errors = self._complaints(fields)
            if errors:
                raise Refusal(400, **errors)
            number = len(self.issues) + 1
            issue = Issue(
                id=self._next_id(),
                key=f"{self.project}-{number}",
                summary=fields["summary"],
                description=fields.get("description") or "",
                issue_type=fields["issuetype"]["name"],
                priority=fields.get("priority", {}).get("name", "Medium"),
                labels=list(fields.get("labels", [])),
                assignee=self._named(fields.get("assignee")),
                creator=by,
                created=self.now(),
                indexed=not self.index_held,
                properties=properties,
                other_fields={name: value for name, value in fields.items() if name.startswith("customfield_")},
            )
            self.issues.append(issue)
            return issue

    def issue(self, id_or_key: str) -> Issue:
        """The issue; Refusal(404) if there is none."""
        with self._lock:
            for issue in self.issues:
                if id_or_key in (issue.id, issue.key):
                    return issue
        raise Refusal(404, "Issue does not exist or you do not have permission to see it.")

    def move(self, id_or_key: str, to: str, by: str, comment: str | None = None) -> None:
        """The issue is in `to`, as if the person had dragged it there and written the comment."""
        with self._lock:
            issue = self.issue(id_or_key)
            if to not in WORKFLOW[issue.status]:
                raise Refusal(
                    400,
                    f"It seems that you have tried to perform a workflow operation ({to}) that is not valid "
                    f"for the current state of this issue ({issue.key}).",
                )
            self.people.add(by)
            issue.moves.append(Move(self._next_id(), by, self.now(), issue.status, to))
            issue.status = to
            if comment:
                self.add_comment(issue.id, comment, by)

    def add_comment(self, id_or_key: str, body: str, by: str) -> Comment:
        """The issue carries the comment."""
        with self._lock:
            if not body.strip():
                raise Refusal(400, comment="Comment body can not be empty!")
            self.people.add(by)
            comment = Comment(self._next_id(), by, body, self.now())
            self.issue(id_or_key).comments.append(comment)
            return comment

    def delete(self, id_or_key: str) -> None:
        """The issue is gone."""
        with self._lock:
            self.issues.remove(self.issue(id_or_key))

    def index(self) -> None:
        """Every issue shows in searches."""
        with self._lock:
            self.index_held = False
            for issue in self.issues:
                issue.indexed = True

    def search(self, query: str) -> list[Issue]:
        """The indexed issues that match a JQL query; known are `a = b`, `a in (b, c)`, AND, ORDER BY."""
        condition, _, order = re.sub(r"\s+", " ", query.strip()).partition(" ORDER BY ")
        if not condition:
            raise Refusal(400, "Unbounded JQL queries are not allowed here. Please add a search restriction.")
        with self._lock:
            found = [issue for issue in self.issues if issue.indexed]
            for clause in condition.split(" AND "):
                name, values = _clause(clause)
                if name in ("id", "key", "issue"):
                    for value in values:
                        if not any(value in (issue.id, issue.key) for issue in self.issues):
                            raise Refusal(400, f"An issue with key '{value}' does not exist for field '{name}'.")
                found = [issue for issue in found if self._matches(issue, name, values)]
        newest_first = not order.strip().upper().endswith("ASC")
        return sorted(found, key=lambda issue: (issue.created, int(issue.id)), reverse=newest_first)

    def _matches(self, issue: Issue, name: str, values: list[str]) -> bool:
        known = {
            "id": [issue.id, issue.key],
            "key": [issue.id, issue.key],
            "issue": [issue.id, issue.key],
            "labels": issue.labels,
            "status": [issue.status],
            "project": [self.project],
        }
        if name not in known:
            raise Refusal(400, f"Field '{name}' does not exist or you do not have permission to view it.")
        return any(value in known[name] for value in values)

    def _complaints(self, fields: dict[str, Any]) -> dict[str, str]:
        known = {"project", "issuetype", "summary", "description", "labels", "priority", "assignee"}
        errors = {
            name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
            for name in fields
            if name not in known and not name.startswith("customfield_")
        }
        if fields.get("project", {}).get("key") != self.project:
            errors["project"] = "valid project is required"
        if fields.get("issuetype", {}).get("name") not in ISSUE_TYPES:
            errors["issuetype"] = "The issue type selected is invalid."
        summary = fields.get("summary") or ""
        if not summary.strip():
            errors["summary"] = "You must specify a summary of the issue."
        elif "\n" in summary:
            errors["summary"] = "The summary is invalid because it contains newline characters."
        elif len(summary) > 255:
            errors["summary"] = "Summary can't exceed 255 characters."
        if len(fields.get("description") or "") > 32767:
            errors["description"] = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
        if "priority" in fields and fields["priority"].get("name") not in PRIORITIES:
            errors["priority"] = f"Priority name '{fields['priority'].get('name')}' is not valid"
        for label in fields.get("labels", []):
            if " " in label:
                errors["labels"] = f"The label '{label}' contains spaces which is invalid."
        if fields.get("assignee") is not None and self._named(fields["assignee"]) is None:
            errors["assignee"] = "User cannot be assigned issues."
        errors.update({name: text for name, text in self.required_fields.items() if not fields.get(name)})
        return errors

    def _named(self, user: dict[str, Any] | None) -> str | None:
        """The person's name, from an account id on Cloud and from a name on Data Center."""
        if user is None:
            return None
        for person in self.people:
            if self.flavour == "cloud" and user.get("accountId") == account_id(person):
                return person
            if self.flavour == "data_center" and user.get("name") == person:
                return person
        return None

    def _next_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)


def account_id(person: str) -> str:
    """How Cloud identifies this person."""
    return f"5b10:{person.encode().hex()}"


def _clause(clause: str) -> tuple[str, list[str]]:
    found = re.fullmatch(r"(\w+) ?(?:=|in) ?\(?(.+?)\)?", clause.strip(), re.IGNORECASE)
    if found is None:
        raise Refusal(400, f"Error in the JQL Query: Expecting operator near '{clause}'.")
    return found[1].lower(), [value.strip().strip("\"'") for value in found[2].split(",")]
