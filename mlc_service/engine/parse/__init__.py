"""From a BPMN file to executable definitions, or to a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Container

from lxml import etree

from ...language import scripts
from ...language.scripts import ScriptLanguages
from ...problems import InvalidResource, Problem
from ..definition import Definition
from .document import Document, read_document
from .names import BPMN, bpmn
from .processes import read_definitions

__all__ = ["parse_bpmn"]

_NEEDS_ID = ("message", "signal", "error", "escalation")


def parse_bpmn(
    source: bytes,
    resource: str,
    known_delegates: Container[str],
    beside: Callable[[str], bytes | None] = lambda _name: None,
    languages: ScriptLanguages = scripts,
    warn: Callable[[Problem], None] = lambda _problem: None,
) -> list[Definition]:
    """The executable processes of a file; `known_delegates` are the names a service task may use.

    `beside` gives the content of another file of the same deployment (`deployment://name`), None if there is none.
    `languages` tells which scripts run here; by default those that always do.

    `warn` hears of what runs but looks wrong, and of processes that are skipped because they are not executable.
    Raises InvalidResource with all problems, each with line, column and element id.
    """
    document = read_document(source, resource)
    if document.root.tag != bpmn("definitions"):
        name = etree.QName(document.root).localname
        document.problem(f"<{name}> is not <bpmn:definitions> in namespace {BPMN}: no BPMN 2.0 file", document.root)
        raise InvalidResource(resource, document.errors)
    _check_ids(document)
    definitions = read_definitions(document, known_delegates, beside, languages)
    if document.errors:
        in_order = sorted(document.errors, key=lambda problem: (problem.line, problem.column))
        raise InvalidResource(resource, in_order + document.warnings)
    for problem in document.warnings:
        warn(problem)
    return definitions


def _check_ids(document: Document) -> None:
    seen: dict[str, etree._Element] = {}
    for element in document.root.iter("*"):
        name = etree.QName(element)
        if name.namespace != BPMN:
            continue
        element_id = element.get("id")
        if element_id is None:
            if name.localname in _NEEDS_ID:
                document.problem(f"<bpmn:{name.localname}> has no id", element)
        elif not element_id.strip():
            document.problem("the id is empty", element)
        elif element_id in seen:
            line, column = document.position(seen[element_id])
            document.problem(f"duplicate id {element_id!r}, first used in line {line}, column {column}", element)
        else:
            seen[element_id] = element
