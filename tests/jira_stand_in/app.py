"""The stand-in's HTTP side: fifteen of Jira's endpoints, and a door for tests under /stand-in."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import Body, FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from tests.jira_stand_in.documents import Documents
from tests.jira_stand_in.tracker import SERVICE_USER, TRANSITION_IDS, Issue, Refusal, Tracker

Json = Annotated[dict[str, Any], Body()]
Fields = Annotated[list[str] | None, Query()]


def jira_app(tracker: Tracker, url: str, credentials: set[str]) -> FastAPI:
    """The application; `credentials` are the Authorization headers it accepts (the service's account)."""
    app = FastAPI(openapi_url=None)
    cloud = tracker.flavour == "cloud"

    @app.exception_handler(Refusal)
    def refused(request: Request, refusal: Exception) -> JSONResponse:
        assert isinstance(refusal, Refusal)
        body = {"errorMessages": refusal.messages, "errors": refusal.errors}
        return JSONResponse(body, status_code=refusal.status)

    @app.middleware("http")
    async def authenticated(request: Request, proceed: Any) -> Any:
        # serverInfo is public in both flavours
        if (
            request.url.path.startswith("/rest/")
            and not request.url.path.endswith("/serverInfo")
            and request.headers.get("authorization") not in credentials
        ):
            body = {"errorMessages": ["Client must be authenticated to access this resource."], "errors": {}}
            return JSONResponse(body, status_code=401)
        return await proceed(request)

    api = "/rest/api/{version}"

    def documents(version: str) -> Documents:
        if version not in (("2", "3", "latest") if cloud else ("2", "latest")):
            raise Refusal(404, "null for uri")
        return Documents(tracker, url, version)

    @app.get(f"{api}/serverInfo")
    def server_info(version: str) -> Any:
        return documents(version).server()

    @app.get(f"{api}/field")
    def fields_of(version: str) -> Any:
        return documents(version).fields()

    @app.get(f"{api}/myself")
    def myself(version: str) -> Any:
        return documents(version).user(SERVICE_USER)

    @app.get(f"{api}/project/{{id_or_key}}")
    def project(version: str, id_or_key: str) -> Any:
        if id_or_key not in ("10000", tracker.project):
            raise Refusal(404, f"No project could be found with key '{id_or_key}'.")
        return documents(version).project()

    @app.post(f"{api}/issue", status_code=201)
    def create(version: str, body: Json) -> Any:
        shown = documents(version)
        if version == "3" and isinstance(body.get("fields", {}).get("description"), str):
            raise Refusal(400, description="Operation value must be an Atlassian Document")
        properties = {each["key"]: each["value"] for each in body.get("properties", [])}
        return shown.created(tracker.create(body.get("fields", {}), SERVICE_USER, properties))

    @app.get(f"{api}/issue/{{id_or_key}}")
    def issue(version: str, id_or_key: str, fields: Fields = None, expand: str = "") -> Any:
        return documents(version).issue(tracker.issue(id_or_key), _names(fields, "*all"), _names([expand], ""))

    @app.get(f"{api}/issue/{{id_or_key}}/comment")
    def comments(
        version: str,
        id_or_key: str,
        start: Annotated[int, Query(alias="startAt")] = 0,
        limit: Annotated[int, Query(alias="maxResults")] = 100,
        order: Annotated[str, Query(alias="orderBy")] = "created",
    ) -> Any:
        return documents(version).comments(tracker.issue(id_or_key), start, limit, order)

    @app.post(f"{api}/issue/{{id_or_key}}/comment", status_code=201)
    def comment(version: str, id_or_key: str, body: Json) -> Any:
        found = tracker.issue(id_or_key)
        return documents(version).comment(found, tracker.add_comment(found.id, body.get("body", ""), SERVICE_USER))

    @app.get(f"{api}/issue/{{id_or_key}}/transitions")
    def transitions(version: str, id_or_key: str) -> Any:
        return documents(version).transitions(tracker.issue(id_or_key))

    @app.post(f"{api}/issue/{{id_or_key}}/transitions", status_code=204)
    def transition(version: str, id_or_key: str, body: Json) -> Response:
        # like Jira, and unlike its document, take the id as a number too: the `jira` package sends one
        wanted = str(body.get("transition", {}).get("id"))
        to = {number: name for name, number in TRANSITION_IDS.items()}.get(wanted)
        if to is None:
            raise Refusal(400, f"Transition id '{wanted}' is not valid for this issue.")
        remarks = body.get("update", {}).get("comment", [])
        text = "\n".join(remark["add"]["body"] for remark in remarks)
        tracker.move(id_or_key, to, SERVICE_USER, text)
        return Response(status_code=204)

    @app.get(f"{api}/issue/{{id_or_key}}/properties/{{name}}")
    def issue_property(version: str, id_or_key: str, name: str) -> Any:
        properties = tracker.issue(id_or_key).properties
        if name not in properties:
            raise Refusal(404, f"The property {name} does not exist.")
        return {"key": name, "value": properties[name]}

    @app.put(f"{api}/issue/{{id_or_key}}/properties/{{name}}")
    async def set_issue_property(version: str, id_or_key: str, name: str, request: Request) -> Response:
        properties = tracker.issue(id_or_key).properties
        status = 200 if name in properties else 201
        properties[name] = await request.json()
        return JSONResponse(None, status_code=status)

    @app.get(f"{api}/search")
    def search(
        version: str,
        jql: str,
        fields: Fields = None,
        expand: str = "",
        start: Annotated[int, Query(alias="startAt")] = 0,
        limit: Annotated[int, Query(alias="maxResults")] = 50,
    ) -> Any:
        if cloud:
            raise Refusal(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
        found = tracker.search(jql)
        page = found[start : start + limit]
        issues = [documents(version).issue(one, _names(fields, "*navigable"), _names([expand], "")) for one in page]
        return {
            "expand": "schema,names",
            "startAt": start,
            "maxResults": limit,
            "total": len(found),
            "issues": issues,
        }

    @app.get(f"{api}/search/jql")
    def enhanced_search(
        version: str,
        jql: str,
        fields: Fields = None,
        expand: str = "",
        limit: Annotated[int, Query(alias="maxResults")] = 50,
        token: Annotated[str, Query(alias="nextPageToken")] = "0",
    ) -> Any:
        if not cloud:
            raise Refusal(404, "null for uri")
        found = tracker.search(jql)
        start = int(token)
        page = found[start : start + limit]
        issues = [documents(version).issue(one, _names(fields, "id"), _names([expand], "")) for one in page]
        after = start + limit
        more = {"nextPageToken": str(after)} if after < len(found) else {}
        return {"issues": issues, "isLast": not more, **more}

    @app.post("/stand-in/issues/{id_or_key}/move", status_code=204)
    def move_as_person(id_or_key: str, body: Json) -> Response:
        """A person moves an issue: {"to": "Done", "by": "rita.reviewer", "comment": "fine"}."""
        tracker.move(id_or_key, body["to"], body["by"], body.get("comment"))
        return Response(status_code=204)

    @app.get("/stand-in/issues")
    def all_issues() -> Any:
        return [_seen(one) for one in tracker.issues]

    @app.get("/browse/{key}")
    def page_of(key: str, accept: Annotated[str, Header()] = "") -> Response:
        one = tracker.issue(key)
        return Response(f"{one.key} [{one.status}] {one.summary}\n\n{one.description}\n", media_type="text/plain")

    return app


def basic(user: str, token: str) -> str:
    """The Authorization header of a user and a token."""
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


def _seen(issue: Issue) -> dict[str, Any]:
    return {
        "id": issue.id,
        "key": issue.key,
        "status": issue.status,
        "summary": issue.summary,
        "labels": issue.labels,
    }


def _names(given: list[str] | None, otherwise: str) -> set[str]:
    return {name for part in given or [otherwise] for name in part.split(",") if name}
