"""Reads `camunda:formData` of start events and user tasks."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from ...language import juel
from ...language.errors import ExpressionError
from ...language.juel import Expression
from ..form_dates import DEFAULT_PATTERN, why_unreadable
from ..forms import CONSTRAINTS, FIELD_TYPES, NUMERIC_CONSTRAINTS, Constraint, FormField, Option
from .document import Document
from .names import camunda_children, camunda_elements


def read_form(element: etree._Element, document: Document) -> tuple[FormField, ...]:
    """The fields of the element's generated form, none if it has none."""
    return tuple(
        _field(field, form.get("businessKey"), document)
        for form in camunda_elements(element, "formData")
        for field in camunda_children(form, "formField")
    )


def _field(element: etree._Element, business_key: str | None, document: Document) -> FormField:
    id, kind = element.get("id") or "", element.get("type") or ""
    if not id:
        document.problem("a camunda:formField needs an id", element)
    if kind not in FIELD_TYPES:
        known = ", ".join(FIELD_TYPES)
        found = f"has the unknown type {kind!r}; known are {known}" if kind else f"needs a type: {known}"
        document.problem(f"form field {id!r} {found}", element)
        kind = "string"
    pattern = element.get("datePattern") or DEFAULT_PATTERN
    unreadable = why_unreadable(pattern) if kind == "date" else None
    if unreadable is not None:
        document.problem(f"form field {id!r}: {unreadable}", element)
        pattern = DEFAULT_PATTERN
    options = camunda_children(element, "value")
    for option in options:
        if not option.get("id"):
            document.problem(f"a camunda:value of form field {id!r} needs an id", option)
    return FormField(
        id=id,
        type=kind,
        label=_expression(element, "label", id, document),
        default=_expression(element, "defaultValue", id, document),
        date_pattern=pattern,
        options=tuple(Option(option.get("id") or "", option.get("name")) for option in options),
        constraints=tuple(_constraints(element, id, kind, document)),
        properties=tuple(
            (one.get("id") or "", one.get("value") or "")
            for group in camunda_children(element, "properties")
            for one in camunda_children(group, "property")
        ),
        is_business_key=bool(id) and id == business_key,
    )


def _expression(element: etree._Element, attribute: str, id: str, document: Document) -> Expression | None:
    text = element.get(attribute)
    if text is None:
        return None
    try:
        return juel.compile(text)
    except ExpressionError as error:
        document.problem(f"{attribute} of form field {id!r}: {error.message}", element)
        return None


def _constraints(field: etree._Element, id: str, kind: str, document: Document) -> Iterator[Constraint]:
    for group in camunda_children(field, "validation"):
        for element in camunda_children(group, "constraint"):
            name, config = element.get("name") or "", element.get("config")
            problem = _why_wrong(name, config)
            if problem is not None:
                document.problem(f"form field {id!r}: {problem}", element)
                continue
            if name in ("min", "max") and kind != "long":
                message = f"form field {id!r}: {name} is for fields of type long; no {kind} will be accepted"
                document.problem(message, element, severity="warning")
            yield Constraint(name, config)


def _why_wrong(name: str, config: str | None) -> str | None:
    if name == "validator":
        return "a validator class cannot be run here"
    if name not in CONSTRAINTS:
        return f"unknown constraint {name!r}; known are {', '.join(CONSTRAINTS)}"
    if name in NUMERIC_CONSTRAINTS and not _is_number(config):
        return f"the constraint {name} needs a whole number, not {config!r}"
    return None


def _is_number(text: str | None) -> bool:
    try:
        int(text or "")
    except ValueError:
        return False
    return True
