"""The stand-in's answers: the tracker's records in the shapes of Jira's REST API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.jira_stand_in.tracker import (
    ISSUE_TYPES,
    PRIORITIES,
    STATUSES,
    TRANSITION_IDS,
    WORKFLOW,
    Comment,
    Issue,
    Tracker,
    account_id,
)

CATEGORIES = {2: ("new", "To Do"), 3: ("done", "Done"), 4: ("indeterminate", "In Progress")}


class Documents:
    """Builds answers for one API version of a tracker; 3 has rich text as documents, 2 as wiki text."""

    def __init__(self, tracker: Tracker, url: str, version: str) -> None:
        self._tracker = tracker
        self._root = f"{url}/rest/api/{version}"
        self._url = url
        self._version = version

    def server(self) -> dict[str, Any]:
        cloud = self._tracker.flavour == "cloud"
        return {
            "baseUrl": self._url,
            "version": "1001.0.0-SNAPSHOT" if cloud else "10.3.15",
            "versionNumbers": [1001, 0, 0] if cloud else [10, 3, 15],
            "deploymentType": "Cloud" if cloud else "Server",
            "buildNumber": 100290 if cloud else 10030015,
            "buildDate": "2026-10-01T00:00:00.000+0000",
            "serverTime": moment(self._tracker.now()),
            "scmInfo": "0" * 40,
            "serverTitle": "Jira stand-in",
        }

    def fields(self) -> list[dict[str, Any]]:
        names = ["summary", "description", "status", "labels", "priority", "assignee", "project", "comment"]
        return [
            {
                "id": name,
                "key": name,
                "name": name.capitalize(),
                "custom": False,
                "orderable": True,
                "navigable": True,
                "searchable": True,
                "clauseNames": [name],
                "schema": {"type": "string", "system": name},
            }
            for name in names
        ]

    def user(self, person: str) -> dict[str, Any]:
        shown = " ".join(word.capitalize() for word in person.replace("-", ".").split("."))
        if self._tracker.flavour == "cloud":
            return {
                "self": f"{self._root}/user?accountId={account_id(person)}",
                "accountId": account_id(person),
                "accountType": "atlassian",
                "displayName": shown,
                "active": True,
                "timeZone": "Etc/UTC",
            }
        return {
            "self": f"{self._root}/user?username={person}",
            "name": person,
            "key": f"JIRAUSER{sum(person.encode())}",
            "emailAddress": f"{person}@example.com",
            "displayName": shown,
            "active": True,
            "timeZone": "Etc/UTC",
        }

    def project(self) -> dict[str, Any]:
        key = self._tracker.project
        return {"self": f"{self._root}/project/10000", "id": "10000", "key": key, "name": "Model life cycle"}

    def created(self, issue: Issue) -> dict[str, Any]:
        return {"id": issue.id, "key": issue.key, "self": f"{self._root}/issue/{issue.id}"}

    def issue(self, issue: Issue, fields: set[str], expand: set[str]) -> dict[str, Any]:
        """The issue with the fields asked for: names, `*all`, `*navigable`; no fields if it is `id` alone."""
        document: dict[str, Any] = {"expand": "renderedFields,names,schema,changelog", **self.created(issue)}
        known = self._fields(issue)
        wanted = set(known) if fields & {"*all", "*navigable"} else fields & set(known)
        if wanted or fields != {"id"}:
            document["fields"] = {name: known[name] for name in sorted(wanted)}
        if "changelog" in expand:
            histories = [
                {
                    "id": move.id,
                    "author": self.user(move.author),
                    "created": moment(move.created),
                    "items": [
                        {
                            "field": "status",
                            "fieldtype": "jira",
                            "fieldId": "status",
                            "from": STATUSES[move.from_status][0],
                            "fromString": move.from_status,
                            "to": STATUSES[move.to_status][0],
                            "toString": move.to_status,
                        }
                    ],
                }
                for move in issue.moves
            ]
            if self._tracker.flavour == "cloud":
                histories.reverse()
            count = len(histories)
            document["changelog"] = {
                "startAt": 0,
                "maxResults": count,
                "total": count,
                "histories": histories,
            }
        return document

    def comments(self, issue: Issue, start: int, limit: int, order: str) -> dict[str, Any]:
        ordered = list(reversed(issue.comments)) if order.startswith("-") else issue.comments
        return {
            "startAt": start,
            "maxResults": limit,
            "total": len(ordered),
            "comments": [self.comment(issue, comment) for comment in ordered[start : start + limit]],
        }

    def comment(self, issue: Issue, comment: Comment) -> dict[str, Any]:
        return {
            "self": f"{self._root}/issue/{issue.id}/comment/{comment.id}",
            "id": comment.id,
            "author": self.user(comment.author),
            "updateAuthor": self.user(comment.author),
            "body": self._text(comment.body),
            "created": moment(comment.created),
            "updated": moment(comment.created),
        }

    def transitions(self, issue: Issue) -> dict[str, Any]:
        return {
            "expand": "transitions",
            "transitions": [
                {"id": TRANSITION_IDS[name], "name": name, "to": self._status(name), "hasScreen": False}
                for name in WORKFLOW[issue.status]
            ],
        }

    def _fields(self, issue: Issue) -> dict[str, Any]:
        closed = STATUSES[issue.status][1] == 3
        return {
            "summary": issue.summary,
            "description": self._text(issue.description),
            "status": self._status(issue.status),
            "labels": issue.labels,
            "priority": {"id": PRIORITIES[issue.priority], "name": issue.priority},
            "assignee": None if issue.assignee is None else self.user(issue.assignee),
            "creator": self.user(issue.creator),
            "reporter": self.user(issue.creator),
            "issuetype": {"id": ISSUE_TYPES[issue.issue_type], "name": issue.issue_type, "subtask": False},
            "project": self.project(),
            "created": moment(issue.created),
            "updated": moment(issue.moves[-1].created if issue.moves else issue.created),
            "resolutiondate": moment(issue.moves[-1].created) if closed else None,
            **issue.other_fields,
        }

    def _status(self, name: str) -> dict[str, Any]:
        status_id, category = STATUSES[name]
        key, shown = CATEGORIES[category]
        return {
            "self": f"{self._root}/status/{status_id}",
            "id": status_id,
            "name": name,
            "statusCategory": {"id": category, "key": key, "name": shown, "colorName": "blue-gray"},
        }

    def _text(self, text: str) -> Any:
        if self._version != "3":
            return text
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}] if text else []}
        return {"type": "doc", "version": 1, "content": [paragraph]}


def moment(at: datetime) -> str:
    """Jira's way to write a time: milliseconds, and an offset without a colon (so not RFC 3339)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"
