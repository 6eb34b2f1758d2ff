"""`mlc deploy`: files to a running service, over its API, as Camunda Modeler does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2

_SECONDS = 60.0


class DeploymentFailed(Exception):
    """The service did not take the files; the message names every problem."""


def deploy_files(files: Sequence[Path], url: str, name: str | None, login: tuple[str, str] | None) -> Iterator[str]:
    """A line per definition that now exists. Raises DeploymentFailed."""
    parts: list[tuple[str, Any]] = [
        ("deployment-name", (None, name or files[0].stem)),
        ("deployment-source", (None, "mlc deploy")),
        ("enable-duplicate-filtering", (None, "true")),
    ]
    for file in files:
        try:
            parts.append((file.name, (file.name, file.read_bytes(), "text/xml")))
        except OSError as error:
            raise DeploymentFailed(f"{file}: {error.strerror}") from None
    address = url.rstrip("/") + "/deployment/create"
    try:
        answer = httpx2.post(address, files=parts, auth=login, timeout=_SECONDS)
    except httpx2.HTTPError as error:
        raise DeploymentFailed(f"{address}: {error or type(error).__name__}. Is the service running?") from None
    if answer.status_code != 200:
        raise DeploymentFailed(_refusal(address, answer))
    deployed = answer.json()
    found = False
    for kind in ("deployedProcessDefinitions", "deployedDecisionDefinitions"):
        for definition in (deployed.get(kind) or {}).values():
            found = True
            yield f"{definition['key']} version {definition['version']}  ({definition['id']})"
    for resource, problems in (deployed.get("warnings") or {}).items():
        for problem in problems:
            yield f"warning: {_place(resource, problem)}"
    if not found:
        yield f"nothing has changed: deployment {deployed['id']} of {deployed['deploymentTime']} stays"


def _refusal(address: str, answer: httpx2.Response) -> str:
    if answer.status_code == 401:
        return f"{address} wants a log-in: give --user and --password (or MLC_USER and MLC_PASSWORD)"
    try:
        body = answer.json()
    except ValueError:
        return f"{address} answered {answer.status_code}; is that the service's API path (…/mlc-service/rest)?"
    lines = [
        _place(resource, problem)
        for resource, report in (body.get("details") or {}).items()
        for problem in report["errors"]
    ]
    return "\n".join(lines) or str(body.get("message") or body)


def _place(resource: str, problem: dict[str, Any]) -> str:
    element = f"  [{problem['mainElementId']}]" if problem.get("mainElementId") else ""
    return f"{resource}:{problem['line']}:{problem['column']}: {problem['message']}{element}"
