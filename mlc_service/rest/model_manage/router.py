"""The routes: the same six for each kind of document, and the bytes of assets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from mlc_service.delegate_api import JsonObject
from mlc_service.identity import Authenticated
from mlc_service.lifecycle.errors import ImmutableDocument, UnknownDocument
from mlc_service.lifecycle.life_cycle import LifeCycle
from mlc_service.rest.dependencies import current_user
from mlc_service.rest.json_body import json_body
from mlc_service.rest.model_manage.hal import document_response, list_response, page_request
from mlc_service.rest.model_manage.problems import LifecycleRoute, bad_field
from mlc_service.rest.model_manage.resources import RESOURCES, Resource, change_deployment, deploy, narrowed

PREFIX = "/model-manage/api"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_PAGING = frozenset({"page", "size", "sort"})

User = Annotated[Authenticated, Depends(current_user)]
Body = Annotated[Any, Depends(json_body)]


def model_manage_router(life_cycle: LifeCycle) -> APIRouter:
    """All routes below `/model-manage/api`, to be mounted behind the login."""
    router = APIRouter(prefix=PREFIX, route_class=LifecycleRoute, tags=["model-manage"])
    for resource in RESOURCES:
        _add_routes(router, resource, life_cycle)
    _add_asset_route(router, life_cycle)
    return router


def _add_routes(router: APIRouter, resource: Resource, life_cycle: LifeCycle) -> None:
    kind, plural = resource.kind, resource.kind.plural

    def list_documents(
        request: Request,
        page: str | None = None,
        size: str | None = None,
        sort: Annotated[list[str] | None, Query()] = None,
    ) -> Response:
        filters = _filters(request, resource)
        wanted = page_request(page, size, sort or ())
        arguments = narrowed(filters)
        # newest first, as people look for them
        order = wanted.sort or (("createdDate", "desc"),)
        found, total = life_cycle.bookkeeping.read(
            lambda books: (
                books.search(kind, **arguments, sort=order, first=wanted.number * wanted.size, limit=wanted.size),
                books.count(kind, **arguments),
            )
        )
        return list_response(found, plural, total, wanted, _address(request, plural), filters)

    def get_document(request: Request, document_id: str) -> Response:
        found = life_cycle.bookkeeping.read(lambda books: books.get(kind, document_id))
        return document_response(found, _address(request, plural, document_id))

    def create_document(
        request: Request, body: Body, user: User, idempotency_key: Annotated[str | None, Header()] = None
    ) -> Response:
        document = _object(body)
        # the same key from somebody else is another request
        key = f"post:{plural}:{user.user_id}:{idempotency_key}" if idempotency_key else None
        if resource.create is None:
            created = deploy(life_cycle, document, key or f"post:{uuid4()}", user.user_id)
        else:
            create = resource.create
            created = life_cycle.bookkeeping.change(lambda books: create(books, document, key), user.user_id)
        return document_response(created, _address(request, plural, created["id"]), 201)

    def change_document(request: Request, document_id: str, body: Body, user: User) -> Response:
        patch = _object(body)
        version = _version(patch)
        if patch.get("id", document_id) != document_id:
            raise bad_field("id", "is not the id of this document")
        if resource.change is None:
            changed = change_deployment(life_cycle, document_id, patch, version, user.user_id)
        else:
            change = resource.change
            changed = life_cycle.bookkeeping.change(
                lambda books: change(books, document_id, patch, version), user.user_id
            )
        return document_response(changed, _address(request, plural, document_id))

    def remove_document(document_id: str, user: User) -> Response:
        remove = resource.remove
        if remove is None:
            life_cycle.bookkeeping.read(lambda books: books.get(kind, document_id))
            raise ImmutableDocument(resource.refusals["delete"])
        life_cycle.bookkeeping.change(lambda books: remove(books, document_id), user.user_id)
        return Response(status_code=204)

    one = f"/{plural}/{{document_id}}"
    for path, method, endpoint in (
        (f"/{plural}", "GET", list_documents),
        (f"/{plural}", "POST", create_document),
        (one, "GET", get_document),
        (one, "PATCH", change_document),
        (one, "DELETE", remove_document),
    ):
        name = f"{endpoint.__name__.removesuffix('_document').removesuffix('_documents')}_{kind.value}"
        router.add_api_route(path, endpoint, methods=[method], name=name, operation_id=name, response_class=Response)


def _add_asset_route(router: APIRouter, life_cycle: LifeCycle) -> None:
    def asset_content(sha256: str) -> Response:
        content = None
        if _SHA256.fullmatch(sha256):
            content = life_cycle.bookkeeping.read(lambda books: books.blobs.get(sha256.lower()))
        if content is None:
            raise UnknownDocument("asset content", sha256)
        # never shown in place: the bytes are somebody's upload
        headers = {
            "Content-Disposition": f'attachment; filename="{sha256.lower()}"',
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{sha256.lower()}"',
            "Cache-Control": "private, max-age=31536000, immutable",
        }
        return Response(content, headers=headers, media_type="application/octet-stream")

    router.add_api_route("/assets/{sha256}", asset_content, methods=["GET"], response_class=Response)


def _filters(request: Request, resource: Resource) -> dict[str, str]:
    unknown = sorted(set(request.query_params) - resource.filters - _PAGING)
    if unknown:
        known = ", ".join(sorted(resource.filters | _PAGING))
        raise bad_field(unknown[0], f"is not known here; known: {known}")
    return {name: value for name, value in request.query_params.items() if name not in _PAGING}


def _object(body: Any) -> JsonObject:
    if not isinstance(body, dict):
        raise bad_field("body", "must be a JSON object")
    return body


def _version(patch: Mapping[str, Any]) -> int | None:
    version = patch.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise bad_field("version", "must be a whole number")
    return version


def _address(request: Request, plural: str, document_id: str | None = None) -> str:
    below = plural if document_id is None else f"{plural}/{document_id}"
    return f"{str(request.base_url).rstrip('/')}{PREFIX}/{below}"
