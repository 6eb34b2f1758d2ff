"""What we and the `jira` package send, and what the stand-in answers, against Atlassian's own OpenAPI document.

The document is Jira Cloud's REST version 3; we speak version 2, which Atlassian describes with the same shapes
except for rich text (version 3: documents, version 2: wiki text; the schema leaves both open). So paths are checked
as if they were version 3. No such document exists for Data Center.

Known deviations, each asserted below so that a new one cannot hide among them:
- times: Jira writes `+0000`, the document says RFC 3339 `date-time`, which wants `+00:00`;
- 204 to a transition: the document gives it a JSON body, Jira (and HTTP) none;
- `transition.id`: the `jira` package sends a number where the document has a string (Jira takes both). Our adapter
  makes no transitions; only people do.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jira import JIRA
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from werkzeug.datastructures import ImmutableMultiDict

from mlc_service.tickets import Bullets, TicketNotFound, TicketRef, TicketRefused, TicketRequest
from tests.contract.tickets.conftest import JiraDesk
from tests.jira_stand_in import TOKEN, USER, Exchange

DOCUMENT = Path(__file__).parents[3].parent / "shared" / "reference" / "jira-cloud-v3-openapi.json"
HOST = "https://your-domain.atlassian.net"
JIRA_TIME = re.compile(r"'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000' is not a 'date-time'")

pytestmark = pytest.mark.skipif(not DOCUMENT.exists(), reason=f"the vendor's document is not at {DOCUMENT}")


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DOCUMENT.read_text())
    found: dict[str, Any] = document["paths"]
    return found


@pytest.fixture(scope="module")
def vendor() -> OpenAPI:
    # not checked as a document: it has defaults outside their own enumerations
    return OpenAPI.from_dict(json.loads(DOCUMENT.read_text()), config=Config(spec_validator_cls=None))


def deviations(vendor: OpenAPI, exchange: Exchange) -> list[str]:
    """What the vendor's document finds wrong with an exchange, except for the way Jira writes times."""
    request = MockRequest(
        HOST,
        exchange.method.lower(),
        exchange.path.replace("/rest/api/2/", "/rest/api/3/"),
        args=ImmutableMultiDict(parse_qsl(exchange.query)),
        headers=exchange.headers,
        data=exchange.body or None,
        content_type=exchange.headers.get("content-type", "application/json"),
    )
    response = MockResponse(
        exchange.answer_body,
        exchange.status,
        exchange.answer_headers,
        content_type=exchange.answer_headers.get("content-type", ""),
    )
    found = []
    for side, validate in (
        ("request", partial(vendor.validate_request, request)),
        ("answer", partial(vendor.validate_response, request, response)),
    ):
        try:
            validate()
        except Exception as error:
            found += [f"{side} {complaint}" for complaint in _complaints(error)]
    return [each for each in found if not JIRA_TIME.search(each)]


def _complaints(error: BaseException) -> list[str]:
    while error.__cause__ is not None:
        error = error.__cause__
    if not hasattr(error, "schema_errors"):
        return [f"{type(error).__name__}: {error}"]
    return [f"{'.'.join(str(step) for step in each.absolute_path)}: {each.message}" for each in error.schema_errors]


def named(exchange: Exchange) -> str:
    return f"{exchange.method} {re.sub('[0-9]{5}', 'N', exchange.path)} {exchange.status}"


def use_everything(desk: JiraDesk) -> None:
    """Every request that the adapter can make, with the answers Jira may give to it."""
    request = TicketRequest(
        key="a", summary="Review", description=(Bullets(("one",)),), labels=("x",), links=(("a", "http://b"),)
    )
    ref = desk.tickets.open(request)
    desk.tickets.comment(ref, "Hello", "key")
    desk.move(ref, "In Progress", "rita.reviewer", "I am looking at it")
    desk.tickets.read(ref)
    desk.move(ref, "Done", "rita.reviewer", "Fine")
    desk.tickets.read_many([ref, TicketRef("jira", "99999", "MLC-99999", "")])
    with pytest.raises(TicketNotFound):
        desk.tickets.read(TicketRef("jira", "99999", "MLC-99999", ""))
    with pytest.raises(TicketRefused):
        desk.tickets.open(replace(request, key="b", summary=""))
    with pytest.raises(TicketRefused):
        desk.after_restart(token="wrong").open(replace(request, key="c"))


def test_every_exchange_of_the_adapter_keeps_to_the_document(cloud_desk: JiraDesk, vendor: OpenAPI) -> None:
    use_everything(cloud_desk)
    exchanges = cloud_desk.jira.exchanges
    assert {named(each) for each in exchanges} == {
        "GET /rest/api/2/serverInfo 200",
        "GET /rest/api/2/field 200",
        "GET /rest/api/2/field 401",
        "GET /rest/api/2/search/jql 200",
        "GET /rest/api/2/search/jql 400",
        "POST /rest/api/2/issue 201",
        "POST /rest/api/2/issue 400",
        "GET /rest/api/2/issue/N 200",
        "GET /rest/api/2/issue/N 404",
        "GET /rest/api/2/issue/N/comment 200",
        "POST /rest/api/2/issue/N/comment 201",
    }
    assert {named(each): found for each in exchanges if (found := deviations(vendor, each))} == {}


def test_only_query_parameters_of_the_document_are_sent(cloud_desk: JiraDesk, paths: dict[str, Any]) -> None:
    use_everything(cloud_desk)
    for each in cloud_desk.jira.exchanges:
        path = re.sub("[0-9]{5}", "{issueIdOrKey}", each.path.replace("/2/", "/3/"))
        known = {parameter["name"] for parameter in paths[path][each.method.lower()].get("parameters", [])}
        assert {name for name, _ in parse_qsl(each.query)} <= known


def test_what_people_do_through_the_jira_package_deviates_in_two_known_ways(
    cloud_desk: JiraDesk, vendor: OpenAPI
) -> None:
    ref = cloud_desk.tickets.open(TicketRequest(key="a", summary="Review"))
    cloud_desk.jira.exchanges.clear()
    person = JIRA(cloud_desk.jira.url, basic_auth=(USER, TOKEN), max_retries=0)
    person.myself()
    person.project("MLC")
    person.transition_issue(ref.id, "21")
    person.transition_issue(ref.id, "Done", comment="Fine")
    person.add_issue_property(ref.id, "seen", {"by": "rita"})
    person.issue_property(ref.id, "seen")
    person.close()  # type: ignore[no-untyped-call]
    assert cloud_desk.tickets.read(ref).decision == "done"
    found = {
        (each.path.rsplit("/", 1)[1], complaint)
        for each in cloud_desk.jira.exchanges
        for complaint in deviations(vendor, each)
    }
    assert found == {
        ("transitions", "request transition.id: 21 is not of type 'string'"),
        ("transitions", "answer MissingData: Missing response data"),
    }


def test_the_document_would_notice_a_stand_in_that_is_wrong(cloud_desk: JiraDesk, vendor: OpenAPI) -> None:
    cloud_desk.tickets.open(TicketRequest(key="a", summary="Review"))
    (created,) = [each for each in cloud_desk.jira.exchanges if each.method == "POST"]
    wrong = replace(created, answer_body=b'{"id": 10001, "key": "MLC-1"}', body=b'{"fields": []}')
    assert deviations(vendor, wrong) == [
        "request fields: [] is not of type 'object'",
        "answer id: 10001 is not of type 'string'",
    ]
