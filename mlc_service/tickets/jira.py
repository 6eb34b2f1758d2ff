"""Jira, Cloud and Data Center, through the `jira` package and REST version 2 (bodies are wiki text in both).

**One key, one issue.** An issue carries the label `mlc-key-<hash of the key>` from its creation on. `open`
first looks up what we remember of the key (`openings.py`), then searches by that label, and only then
creates. Jira's search is late by seconds (Cloud more than Data Center), so after an attempt whose outcome we
do not know `open` answers "try again" until `search_delay_seconds` have passed since that attempt; only then
does a search that finds nothing prove that nothing was created. An entity property would not do: only apps
can search by one.

Statuses that the settings call neither done nor rejected are open, whatever Jira's status category says.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jira import JIRA

from mlc_service.clock import Clock
from mlc_service.tickets.jira_failures import created_nothing, jira_asked, rejected_as_wrong
from mlc_service.tickets.openings import Openings, OpeningsInMemory
from mlc_service.tickets.port import (
    Decision,
    Priority,
    TicketNotFound,
    TicketRef,
    TicketRefused,
    TicketRequest,
    TicketState,
    TicketsUnavailable,
)
from mlc_service.tickets.text import Bullets, Heading, Paragraph, as_wiki

SYSTEM: Final = "jira"
_SUMMARY_LIMIT = 255
_BODY_LIMIT = 32_767
_IDS_PER_SEARCH = 100
_COMMENTS_PER_PAGE = 50
_COMMENT_MARK = "mlc-comment-"


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraSettings:
    """One connection to a Jira project.

    Log-in: `user` (Cloud: e-mail) and `token` (Cloud: API token) for Basic, or `personal_access_token` (Data
    Center). `priorities` maps ours to Jira's names; an empty mapping sends none. `assignees` maps our names
    to Jira's (Cloud: account id); a name that is not in it is sent as it is. `extra_fields` are sent with
    every issue as they are, for fields that the project demands. Status names are compared without case.
    `verify_tls` may be the path of a certificate authority's file.
    """

    url: str
    project: str
    user: str | None = None
    token: str | None = field(default=None, repr=False)
    personal_access_token: str | None = field(default=None, repr=False)
    issue_type: str = "Task"
    priorities: Mapping[Priority, str] = field(
        default_factory=lambda: {"low": "Low", "normal": "Medium", "high": "High", "urgent": "Highest"}
    )
    assignees: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ("mlc",)
    extra_fields: Mapping[str, Any] = field(default_factory=dict)
    done_statuses: tuple[str, ...] = ("Done",)
    rejected_statuses: tuple[str, ...] = ("Rejected",)
    verify_tls: bool | str = True
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 20.0
    search_delay_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"Jira's address must begin with https:// or http://: {self.url!r}")
        if (self.personal_access_token is None) == (self.user is None or self.token is None):
            raise ValueError("Jira needs either a user with a token or a personal access token")
        both = {s.casefold() for s in self.done_statuses} & {s.casefold() for s in self.rejected_statuses}
        if both:
            raise ValueError(f"a status cannot mean both done and rejected: {', '.join(sorted(both))}")

    def decision(self, status: str) -> Decision:
        """What this status of an issue means."""
        if status.casefold() in {name.casefold() for name in self.done_statuses}:
            return "done"
        if status.casefold() in {name.casefold() for name in self.rejected_statuses}:
            return "rejected"
        return "open"


class JiraTickets:
    """The `Tickets` port on one Jira project. Connects at the first call; `close` ends the connection.

    Nothing is retried in here: every failure goes up at once, and the job that called comes back.
    """

    def __init__(self, settings: JiraSettings, clock: Clock, openings: Openings | None = None) -> None:
        self._settings = settings
        self._now: Callable[[], datetime] = clock.now
        self._openings: Openings = openings or OpeningsInMemory()
        self._connecting = threading.Lock()
        self._connected: JIRA | None = None

    def open(self, request: TicketRequest) -> TicketRef:
        remembered = self._openings.find(request.key)
        if remembered is not None and remembered.ref is not None:
            return remembered.ref
        found = self._search(request.key)
        if found is not None:
            self._openings.opened(request.key, found, self._now())
            return found
        if remembered is not None:
            self._wait_for_search(remembered.attempted_at)
        attempted_at = self._now()
        if not self._openings.attempt(request.key, attempted_at, remembered):
            raise TicketsUnavailable(SYSTEM, "another worker is opening this ticket", 1.0)
        ref = self._create(request)
        self._openings.opened(request.key, ref, attempted_at)
        return ref

    def read(self, ref: TicketRef) -> TicketState:
        self._check(ref)
        with jira_asked(self._now, ref):
            issue: dict[str, Any] = self._client().issue(ref.id, fields="status", expand="changelog").raw
            status = issue["fields"]["status"]
            state = TicketState(str(status["name"]), self._settings.decision(str(status["name"])))
            return state if state.decision == "open" else self._closed(ref, state, issue)

    def read_many(self, refs: Sequence[TicketRef]) -> Mapping[TicketRef, TicketState]:
        """As the port says. Decided tickets cost two requests more each, once: after that nobody polls them.

        The search may be some seconds late; a decision made meanwhile is seen at the next call.
        """
        states: dict[TicketRef, TicketState] = {}
        known = [ref for ref in refs if ref.system == SYSTEM]
        for start in range(0, len(known), _IDS_PER_SEARCH):
            some = known[start : start + _IDS_PER_SEARCH]
            statuses = self._statuses(some)
            for ref in some:
                status = statuses.get(ref.id)
                if status is not None and self._settings.decision(status) == "open":
                    states[ref] = TicketState(status, "open")
                    continue
                # decided, or not in the search's answer (gone, or too new for it): only the issue knows
                try:
                    states[ref] = self.read(ref)
                except TicketNotFound:
                    continue
        return states

    def comment(self, ref: TicketRef, text: str, key: str) -> None:
        """As the port says. The comment ends in a line `mlc-comment-<hash of the key>`, to be found by."""
        self._check(ref)
        mark = f"{_COMMENT_MARK}{_digest(key)[:16]}"
        with jira_asked(self._now, ref):
            if any(mark in comment["body"] for comment in self._comments(ref)):
                return
            body = _cut(as_wiki([Paragraph(text)]), _BODY_LIMIT - len(mark) - 2)
            self._client().add_comment(ref.id, f"{body}\n\n{mark}")

    def close(self) -> None:
        """The connection is closed. Safe to repeat; a later call connects again."""
        with self._connecting:
            if self._connected is not None:
                self._connected.close()  # type: ignore[no-untyped-call]
                self._connected = None

    def _client(self) -> JIRA:
        with self._connecting:
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def _connect(self) -> JIRA:
        settings = self._settings
        basic = (settings.user, settings.token) if settings.user and settings.token else None
        with jira_asked(self._now):
            return JIRA(
                server=settings.url,
                options={"verify": settings.verify_tls, "rest_api_version": "2", "check_update": False},
                basic_auth=basic,
                token_auth=settings.personal_access_token,
                timeout=(settings.connect_timeout_seconds, settings.read_timeout_seconds),
                max_retries=0,
                logging=False,
            )

    def _check(self, ref: TicketRef) -> None:
        # the id goes into a path: one that Jira did not make must not reach another resource
        if ref.system != SYSTEM or not (ref.id.isascii() and ref.id.isdigit()):
            raise TicketNotFound(ref)

    def _search(self, key: str) -> TicketRef | None:
        query = f'labels = "{_key_label(key)}" ORDER BY created ASC'
        with jira_asked(self._now):
            found: Any = self._client().search_issues(query, fields=["status"], maxResults=2, json_result=True)
            # the oldest: if a person cloned the issue, its label came along
            issues = sorted(found["issues"], key=lambda issue: int(issue["id"]))
            return self._ref(issues[0]) if issues else None

    def _wait_for_search(self, attempted_at: datetime) -> None:
        waits = attempted_at + timedelta(seconds=self._settings.search_delay_seconds) - self._now()
        if waits > timedelta(0):
            reason = "an earlier attempt may have opened this ticket, and the search does not show it yet"
            raise TicketsUnavailable(SYSTEM, reason, waits.total_seconds())

    def _create(self, request: TicketRequest) -> TicketRef:
        try:
            with jira_asked(self._now):
                client = self._client()
                cloud = client.deploymentType == "Cloud"
                issue = client.create_issue(fields=self._fields(request, cloud=cloud), prefetch=False)
                return self._ref(issue.raw)
        except TicketRefused:
            self._openings.forget(request.key)
            raise
        except TicketsUnavailable as error:
            if created_nothing(error):
                self._openings.forget(request.key)
            raise

    def _fields(self, request: TicketRequest, *, cloud: bool) -> dict[str, Any]:
        settings = self._settings
        description = list(request.description)
        if request.links:
            links = tuple(f"{title}: {address}" for title, address in request.links)
            description += [Heading("Links"), Bullets(links)]
        labels = [_key_label(request.key), f"mlc-{request.kind}", *settings.labels, *request.labels]
        fields: dict[str, Any] = {
            **settings.extra_fields,
            "project": {"key": settings.project},
            "issuetype": {"name": settings.issue_type},
            "summary": _cut(" ".join(request.summary.split()), _SUMMARY_LIMIT),
            "description": _cut(as_wiki(description), _BODY_LIMIT),
            "labels": list(dict.fromkeys(_label(label) for label in labels if label.strip())),
        }
        priority = settings.priorities.get(request.priority)
        if priority is not None:
            fields["priority"] = {"name": priority}
        if request.assignee is not None:
            user = settings.assignees.get(request.assignee, request.assignee)
            fields["assignee"] = {"accountId": user} if cloud else {"name": user}
        return fields

    def _statuses(self, refs: Sequence[TicketRef]) -> dict[str, str]:
        """Status by issue id, as the search has them; empty if it rejects the question."""
        ids = [ref.id for ref in refs if ref.id.isascii() and ref.id.isdigit()]
        if not ids:
            return {}
        query = f"id in ({', '.join(ids)})"
        try:
            with jira_asked(self._now):
                found: Any = self._client().search_issues(
                    query, fields=["status"], maxResults=len(ids), json_result=True
                )
                return {str(i["id"]): str(i["fields"]["status"]["name"]) for i in found["issues"]}
        except TicketRefused as error:
            # one id that no longer exists makes Jira reject the whole query
            if rejected_as_wrong(error):
                return {}
            raise

    def _closed(self, ref: TicketRef, state: TicketState, issue: dict[str, Any]) -> TicketState:
        """The state with who moved the issue into its status, when, and their newest comment."""
        moves = [
            history
            for history in issue["changelog"]["histories"]
            if any(item["field"] == "status" for item in history["items"])
        ]
        if not moves:
            return state
        last = max(moves, key=lambda history: _moment(history["created"]))
        closer = last.get("author") or {}
        closer_id = _user_id(closer)
        own_words = [
            comment["body"].strip()
            for comment in self._comments(ref)
            if closer_id is not None
            and _user_id(comment.get("author") or {}) == closer_id
            and _COMMENT_MARK not in comment["body"]
        ]
        return replace(
            state,
            closed_by=closer.get("displayName") or closer_id,
            closed_at=_moment(last["created"]),
            comment=own_words[0] if own_words else None,
            closed_by_id=closer_id,
        )

    def _comments(self, ref: TicketRef) -> list[dict[str, Any]]:
        """All comments of the issue, newest first."""
        comments: list[dict[str, Any]] = []
        while True:
            page = self._client().comments(
                ref.id, start_at=len(comments), max_results=_COMMENTS_PER_PAGE, order_by="-created"
            )
            comments += [comment.raw for comment in page]
            if len(page) < _COMMENTS_PER_PAGE:
                return comments

    def _ref(self, issue: Mapping[str, Any]) -> TicketRef:
        key = str(issue["key"])
        return TicketRef(SYSTEM, str(issue["id"]), key, f"{self._settings.url.rstrip('/')}/browse/{key}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key_label(key: str) -> str:
    return f"mlc-key-{_digest(key)[:32]}"


def _label(text: str) -> str:
    # Jira's labels have no white space
    return "-".join(text.split())[:255]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _user_id(user: Mapping[str, Any]) -> str | None:
    found = user.get("accountId") or user.get("name") or user.get("key")
    return None if found is None else str(found)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
