"""Documents and lists in HAL, as Spring Data REST writes them (modelop.md section 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import Response

from mlc_service.delegate_api import JsonObject
from mlc_service.rest.model_manage.problems import bad_field

MEDIA_TYPE = "application/hal+json"
DEFAULT_SIZE = 20
LARGEST_SIZE = 1000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list: `number` counts from 0, `sort` holds (field, asc|desc)."""

    number: int
    size: int
    sort: tuple[tuple[str, str], ...]


def page_request(page: str | None, size: str | None, sort: Sequence[str]) -> PageRequest:
    """The page that `?page=&size=&sort=field,desc` asks for. Raises a 400 that names the parameter."""
    return PageRequest(
        number=_number("page", page, 0, 0, 2**31),
        size=_number("size", size, DEFAULT_SIZE, 1, LARGEST_SIZE),
        sort=tuple(_order(one) for one in sort),
    )


def document_response(document: JsonObject, address: str, status: int = 200) -> Response:
    """One document with its link to itself."""
    headers = {"Location": address} if status == 201 else {}
    return Response(_json(_linked(document, address)), status, headers, media_type=MEDIA_TYPE)


def list_response(
    documents: Sequence[JsonObject],
    plural: str,
    total: int,
    page: PageRequest,
    address: str,
    filters: Mapping[str, str],
) -> Response:
    """One page of a list, with links to the pages around it."""
    pages = -(-total // page.size)

    def link(number: int) -> JsonObject:
        query = [*filters.items(), ("page", number), ("size", page.size)]
        query += [("sort", f"{field},{direction}") for field, direction in page.sort]
        return {"href": f"{address}?{urlencode(query)}"}

    links = {"self": link(page.number), "first": link(0)}
    if page.number > 0:
        links["prev"] = link(page.number - 1)
    if page.number + 1 < pages:
        links["next"] = link(page.number + 1)
    links["last"] = link(max(pages - 1, 0))
    body = {
        "_embedded": {plural: [_linked(one, f"{address}/{one['id']}") for one in documents]},
        "_links": links,
        "page": {"size": page.size, "totalElements": total, "totalPages": pages, "number": page.number},
    }
    return Response(_json(body), media_type=MEDIA_TYPE)


def _linked(document: JsonObject, address: str) -> JsonObject:
    return document | {"_links": {"self": {"href": address}}}


def _json(value: Any) -> bytes:
    return orjson.dumps(value)


def _number(name: str, text: str | None, default: int, least: int, most: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not least <= int(text) <= most:
        raise bad_field(name, f"must be a whole number from {least} to {most}, is '{text[:40]}'")
    return int(text)


def _order(text: str) -> tuple[str, str]:
    field, _, direction = text.partition(",")
    if direction.lower() not in ("", "asc", "desc"):
        raise bad_field("sort", f"the direction is asc or desc, not '{direction[:40]}'")
    return field.strip(), direction.lower() or "asc"
