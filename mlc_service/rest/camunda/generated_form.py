"""Generated forms as HTML: plain, labelled, and understood by Camunda's form SDK (`cam-variable-name` and so on)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from mlc_service.engine.forms import FormField, ShownField

# what the SDK makes of the text that a person enters; dates are read by their pattern when the form is submitted
_SDK_TYPES = {"string": "String", "long": "Long", "boolean": "Boolean", "date": "String", "enum": "String"}


def generated_form(fields: Sequence[ShownField]) -> str:
    """The form as well-formed XHTML, without buttons: whoever shows it knows what it is for."""
    return '<form name="generatedForm">\n' + "".join(_group(shown) for shown in fields) + "</form>\n"


def _group(shown: ShownField) -> str:
    name = escape(shown.field.id)
    label = "" if shown.label is None else f'    <label for="{name}">{escape(shown.label)}</label>\n'
    control = _select(shown) if shown.field.type == "enum" else _input(shown)
    return f'  <div class="form-group">\n{label}    {control}\n{_hint(shown.field)}  </div>\n'


def _input(shown: ShownField) -> str:
    return f"<input {_written([*_common(shown), *_of_input(shown)])} />"


def _select(shown: ShownField) -> str:
    options = []
    for option in shown.field.options:
        selected = ' selected="selected"' if option.id == shown.value else ""
        text = escape(option.name if option.name is not None else option.id)
        options.append(f'<option value="{escape(option.id)}"{selected}>{text}</option>')
    return f"<select {_written(_common(shown))}>{''.join(options)}</select>"


def _common(shown: ShownField) -> Iterator[tuple[str, str]]:
    field = shown.field
    yield "class", "form-control"
    yield "id", field.id
    yield "name", field.id
    if field.is_business_key:
        yield "cam-business-key", "cam-business-key"
    else:
        yield "cam-variable-name", field.id
        yield "cam-variable-type", _SDK_TYPES[field.type]
    if not shown.label:
        yield "aria-label", field.id
    if field.has("required"):
        yield "required", "required"
    if field.has("readonly"):
        # nobody may submit it
        yield "disabled", "disabled"


def _of_input(shown: ShownField) -> Iterator[tuple[str, str]]:
    field, value = shown.field, shown.value
    if field.type == "boolean":
        yield "type", "checkbox"
        if value is True:
            yield "checked", "checked"
        return
    yield "type", "number" if field.type == "long" else "text"
    for constraint in field.constraints:
        if constraint.name in ("min", "max", "minlength", "maxlength"):
            yield constraint.name, str(constraint.limit)
    if field.type == "date":
        yield "placeholder", field.date_pattern
        yield "aria-describedby", f"{field.id}-hint"
    if value is not None:
        yield "value", str(value)


def _hint(field: FormField) -> str:
    if field.type != "date":
        return ""
    return f'    <small class="help-block" id="{escape(field.id)}-hint">{escape(field.date_pattern)}</small>\n'


def _written(attributes: Sequence[tuple[str, str]] | Iterator[tuple[str, str]]) -> str:
    return " ".join(f'{name}="{escape(value)}"' for name, value in attributes)
