"""Generated forms: the fields that `camunda:formData` declares, what they show, and what becomes of what is submitted.

The rules are those of Camunda 7.24, tried out: constraints look at what was submitted, not at defaults; a field that
was not submitted gets its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from ..language.errors import ExpressionError
from ..language.juel import Expression
from .form_dates import DEFAULT_PATTERN, read_date, write_date
from .values import TypedValue, as_variable, expression_value, type_of

FIELD_TYPES = ("string", "long", "boolean", "date", "enum")
CONSTRAINTS = ("required", "readonly", "min", "max", "minlength", "maxlength")
# those whose configuration is a whole number
NUMERIC_CONSTRAINTS = ("min", "max", "minlength", "maxlength")
_VALUE_TYPES = {"string": "String", "long": "Long", "boolean": "Boolean", "date": "Date", "enum": "String"}
_INT64 = 2**63


class Constraint(NamedTuple):
    """One `camunda:constraint`, checked when it was deployed."""

    name: str
    config: str | None = None

    @property
    def limit(self) -> int:
        """The number that bounds the value or its length."""
        return int(self.config or 0)

    def __str__(self) -> str:
        return self.name if self.config is None else f"{self.name}({self.config})"


class Option(NamedTuple):
    """One `camunda:value` of an enum."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class FormField:
    """One `camunda:formField`; `type` is one of `FIELD_TYPES`, `date_pattern` is Java's."""

    id: str
    type: str
    label: Expression | None = None
    default: Expression | None = None
    date_pattern: str = DEFAULT_PATTERN
    options: tuple[Option, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    # shows and takes the business key of the instance, no variable
    is_business_key: bool = False

    @property
    def value_type(self) -> str:
        """Camunda's type of its variable."""
        return _VALUE_TYPES[self.type]

    def has(self, constraint: str) -> bool:
        return any(one.name == constraint for one in self.constraints)


class FieldProblem(NamedTuple):
    """Why the value of a field cannot be taken."""

    field_id: str
    message: str


class ShownField(NamedTuple):
    """A field with its label and value worked out; a date is text by its pattern, None is an empty field."""

    field: FormField
    label: str | None
    value: Any

    def as_variable(self) -> Any:
        """The value with its Camunda type."""
        wanted = "String" if self.field.type == "date" else self.field.value_type
        return self.value if type_of(self.value) == wanted else TypedValue(wanted, self.value)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submitted form comes to: all variables to write, or why not."""

    variables: Mapping[str, Any]
    problems: tuple[FieldProblem, ...] = ()


class _Unfit(ValueError):
    """The value is none of the field's type."""


def read_submission(
    fields: Sequence[FormField],
    submitted: Mapping[str, Any],
    names: Mapping[str, Any],
    present: Mapping[str, Any] | None = None,
) -> Submission:
    """The variables that come of a submitted form; values that belong to no field are passed on as they are.

    `names` is what default values may refer to, `present` the variables that are there already: a required field that
    was left out or emptied is content with one.
    """
    variables = dict(submitted)
    problems: list[FieldProblem] = []
    for field in fields:
        if field.is_business_key:
            continue
        try:
            if field.id in submitted:
                value = _converted(field, expression_value(submitted[field.id]))
            elif field.default is not None:
                value = _converted(field, _worked_out(field.default, names))
            else:
                value = None
        except _Unfit as unfit:
            problems.append(FieldProblem(field.id, str(unfit)))
            continue
        broken = _broken(field, value, field.id in submitted, (present or {}).get(field.id))
        if broken is not None:
            message = f"Invalid value submitted for form field '{field.id}': validation of {broken} failed."
            problems.append(FieldProblem(field.id, message))
        elif field.id in submitted or field.default is not None:
            variables[field.id] = _typed(field, value)
    return Submission(variables, tuple(problems))


def shown(
    fields: Sequence[FormField], variables: Mapping[str, Any], names: Mapping[str, Any]
) -> tuple[list[ShownField], list[FieldProblem]]:
    """The fields with the variables of their names, or else their defaults; what cannot be worked out is empty."""
    found: list[ShownField] = []
    problems: list[FieldProblem] = []
    for field in fields:
        label: str | None = None
        value: Any = None
        try:
            label = None if field.label is None else _text(_worked_out(field.label, names))
            if field.id in variables:
                value = _as_shown(field, expression_value(variables[field.id]))
            elif field.default is not None:
                value = _as_shown(field, _converted(field, _worked_out(field.default, names)))
        except _Unfit as unfit:
            problems.append(FieldProblem(field.id, str(unfit)))
        found.append(ShownField(field, label, value))
    return found, problems


def _worked_out(expression: Expression, names: Mapping[str, Any]) -> Any:
    try:
        return expression.evaluate(names)
    except ExpressionError as error:
        raise _Unfit(error.message) from None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


# --- values ------------------------------------------------------------------------------------------------------


def _converted(field: FormField, value: Any) -> Any:
    """The plain value of the field's type, a date as datetime. Raises _Unfit."""
    return None if value is None else _CONVERTERS[field.type](field, value)


def _string(field: FormField, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise _no_value(field, value)


def _long(field: FormField, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and len(value) <= 20 and value.isascii():
        try:
            value = int(value)
        except ValueError:
            raise _no_value(field, value) from None
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        raise _no_value(field, value)
    return value


def _boolean(field: FormField, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        # as Java reads it: anything else is false
        return value.lower() == "true"
    raise _no_value(field, value)


def _date(field: FormField, value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise _no_value(field, value)
    if not value:
        return None
    try:
        return read_date(value, field.date_pattern)
    except ValueError:
        message = f"Could not parse value '{value[:80]}' as date using date format '{field.date_pattern}'."
        raise _Unfit(message) from None


def _option(field: FormField, value: Any) -> str:
    if not isinstance(value, str):
        raise _no_value(field, value)
    if value not in [option.id for option in field.options]:
        raise _Unfit(f"Invalid value for enum form property: {value[:80]}")
    return value


def _no_value(field: FormField, value: Any) -> _Unfit:
    return _Unfit(f"Value '{str(value)[:80]}' is not of type {field.value_type}.")


_CONVERTERS: dict[str, Callable[[FormField, Any], Any]] = {
    "string": _string,
    "long": _long,
    "boolean": _boolean,
    "date": _date,
    "enum": _option,
}


def _typed(field: FormField, value: Any) -> Any:
    """The variable that holds the value."""
    held = as_variable(value)
    return held if type_of(held) == field.value_type else TypedValue(field.value_type, held)


def _as_shown(field: FormField, value: Any) -> Any:
    if field.type == "date" and isinstance(value, datetime):
        try:
            return write_date(value, field.date_pattern)
        except ValueError as error:
            raise _Unfit(str(error)) from None
    return value


# --- constraints ---------------------------------------------------------------------------------------------------


def _broken(field: FormField, value: Any, is_submitted: bool, present: Any) -> str | None:
    """The first constraint that is not kept, as Camunda names it."""
    given = value if is_submitted else None
    for constraint in field.constraints:
        if constraint.name == "required":
            is_there = given is not None or field.default is not None or present is not None
            if given == "" or not is_there:
                return str(constraint)
        elif given is not None and not _KEPT[constraint.name](given, constraint):
            return str(constraint)
    return None


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(str(value))


_KEPT: dict[str, Callable[[Any, Constraint], bool]] = {
    # nobody may submit it
    "readonly": lambda _value, _constraint: False,
    "min": lambda value, constraint: isinstance(value, int) and value >= constraint.limit,
    "max": lambda value, constraint: isinstance(value, int) and value <= constraint.limit,
    "minlength": lambda value, constraint: _length(value) >= constraint.limit,
    "maxlength": lambda value, constraint: _length(value) <= constraint.limit,
}
