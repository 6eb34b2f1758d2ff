"""What goes wrong between us and Jira, said in the port's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from jira.exceptions import JIRAError
from requests import RequestException, Response
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, SSLError, Timeout
from urllib3.exceptions import MaxRetryError, NewConnectionError

from mlc_service.tickets.port import TicketNotFound, TicketRef, TicketRefused, TicketsUnavailable

SYSTEM = "jira"

_ADVICE = {
    "project": "Check the project key of the connection and that its account may create issues there",
    "issuetype": "Check that the project has the connection's issue type",
    "priority": "Map the priority to one the project has, or map none to send no priority",
    "assignee": "Map the assignee to a user who may be assigned in this project (account id on Cloud)",
    "labels": "Put the field Labels on the create screen: the service finds its own issues by label",
    "summary": "Put the field Summary on the create screen",
    "description": "Put the field Description on the create screen",
}
_ADVICE_OTHER_FIELD = "Make the field optional for this issue type, or set it in the connection's extra fields"
_ADVICE_STATUS = {
    401: "Check the connection's user and token; Data Center 11 takes personal access tokens only",
    403: "Give the connection's account the right to do this; if Jira asks for a captcha, log in once as it",
    404: "Check the connection's address: there is no Jira REST API version 2 at it",
    410: "This Jira has removed a call that the service needs; update the service",
}


@contextmanager
def jira_asked(now: Callable[[], datetime], ref: TicketRef | None = None) -> Iterator[None]:
    """Whatever Jira or the way to it does wrong inside leaves as one of the port's three errors.

    `ref` is the issue that a 404 inside is about; without one, a 404 means that the address is wrong.
    """
    try:
        yield
    except JIRAError as error:
        raise _answered(error, now, ref) from error
    except RequestException as error:
        raise _unanswered(error) from error
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        # the package and we read fields of the answer: a proxy's login page or half a body ends here
        raise TicketsUnavailable(SYSTEM, f"an answer that is not Jira's ({error!r})") from error


def created_nothing(error: TicketsUnavailable) -> bool:
    """Whether the request certainly did not reach Jira's issue creation."""
    cause = error.__cause__
    if isinstance(cause, JIRAError):
        return cause.status_code == 429
    if isinstance(cause, ConnectTimeout):
        return True
    if isinstance(cause, NoConnection) and cause.args and isinstance(cause.args[0], MaxRetryError):
        return isinstance(cause.args[0].reason, NewConnectionError)
    return False


def rejected_as_wrong(error: TicketRefused) -> bool:
    """Whether Jira found fault with the question itself (400), not with the account that asked."""
    return isinstance(error.__cause__, JIRAError) and error.__cause__.status_code == 400


def _answered(error: JIRAError, now: Callable[[], datetime], ref: TicketRef | None) -> Exception:
    status = error.status_code or 0
    response: Response | None = error.response
    if status == 404 and ref is not None:
        return TicketNotFound(ref)
    if status in (408, 425, 429) or status >= 500 or status < 400:
        waits = None if response is None else _retry_after_seconds(response.headers.get("Retry-After"), now)
        return TicketsUnavailable(SYSTEM, f"HTTP {status} {_short(error.text)}".strip(), waits)
    fields = _field_errors(response)
    if fields:
        field, reason = next(iter(fields.items()))
        others = "".join(f"; {name}: {text}" for name, text in list(fields.items())[1:])
        advice = _ADVICE.get(field, _ADVICE_OTHER_FIELD)
        return TicketRefused(SYSTEM, f"{reason}{others}", field=field, advice=advice)
    reason = f"HTTP {status} {_short(error.text)}".strip()
    return TicketRefused(SYSTEM, reason, advice=_ADVICE_STATUS.get(status, ""))


def _unanswered(error: RequestException) -> Exception:
    if isinstance(error, SSLError):
        return TicketRefused(
            SYSTEM,
            _short(str(error)),
            advice="Give the connection the certificate authority that signed Jira's",
        )
    if isinstance(error, Timeout):
        return TicketsUnavailable(SYSTEM, "no answer in time")
    return TicketsUnavailable(SYSTEM, f"{type(error).__name__}: {_short(str(error))}")


def _field_errors(response: Response | None) -> dict[str, str]:
    if response is None:
        return {}
    try:
        body = response.json()
    except ValueError:
        return {}
    errors = body.get("errors") if isinstance(body, dict) else None
    return {str(field): str(text) for field, text in errors.items()} if isinstance(errors, dict) else {}


def _retry_after_seconds(header: str | None, now: Callable[[], datetime]) -> float | None:
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now()).total_seconds())


def _short(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= 300 else line[:299] + "…"
