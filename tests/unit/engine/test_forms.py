"""Generated forms by themselves: reading them off a diagram, their dates, what becomes of a submission."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlc_service.engine import parse_bpmn
from mlc_service.engine.form_dates import read_date, why_unreadable, write_date
from mlc_service.engine.forms import Constraint, FormField, Option, read_submission, shown
from mlc_service.engine.values import TypedValue
from mlc_service.language import juel
from mlc_service.problems import InvalidResource
from tests.unit.engine.driver import KNOWN_DELEGATES, diagram, flow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def form(fields: str) -> bytes:
    start = f"<bpmn:extensionElements><camunda:formData>{fields}</camunda:formData></bpmn:extensionElements>"
    return diagram(f'<bpmn:startEvent id="s">{start}</bpmn:startEvent><bpmn:task id="t"/>' + flow("s", "t"))


def field(attributes: str, inner: str = "") -> str:
    return f"<camunda:formField {attributes}>{inner}</camunda:formField>"


def constraint(attributes: str) -> str:
    return f"<camunda:validation><camunda:constraint {attributes}/></camunda:validation>"


def test_a_form_is_read_off_the_diagram() -> None:
    source = form(
        field('id="a" type="long" label="How ${many}" defaultValue="3"', constraint('name="min" config="1"'))
        + field('id="b" type="enum"', '<camunda:value id="x" name="X"/><camunda:value id="y"/>')
        + field('id="c" type="date" datePattern="yyyy-MM-dd"')
    )
    [definition] = parse_bpmn(source, "form.bpmn", KNOWN_DELEGATES)
    a, b, c = definition.start_node(None).form_fields
    assert (a.id, a.type, a.constraints) == ("a", "long", (Constraint("min", "1"),))
    assert a.label is not None
    assert a.label.evaluate({"many": 2}) == "How 2"
    assert b.options == (Option("x", "X"), Option("y", None))
    assert c.date_pattern == "yyyy-MM-dd"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (field('type="string"'), "a camunda:formField needs an id"),
        (field('id="a"'), "form field 'a' needs a type: string, long, boolean, date, enum"),
        (field('id="a" type="int"'), "form field 'a' has the unknown type 'int'"),
        (field('id="a" type="string" label="${"'), "label of form field 'a'"),
        (field('id="a" type="string" defaultValue="${a +}"'), "defaultValue of form field 'a'"),
        (field('id="a" type="date" datePattern="yyyy-QQ"'), "cannot be read by: 'QQ'"),
        (field('id="a" type="date" datePattern="yyyy\'"'), "a quote without an end"),
        (field('id="a" type="enum"', "<camunda:value/>"), "a camunda:value of form field 'a' needs an id"),
        (field('id="a" type="long"', constraint('name="min"')), "the constraint min needs a whole number, not None"),
        (field('id="a" type="long"', constraint('name="max" config="x"')), "needs a whole number, not 'x'"),
        (field('id="a" type="long"', constraint('name="prime"')), "unknown constraint 'prime'"),
        (field('id="a" type="long"', constraint('name="validator" config="V"')), "a validator class cannot be run"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_at_its_line(fields: str, message: str) -> None:
    with pytest.raises(InvalidResource) as refused:
        parse_bpmn(form("\n\n" + fields), "form.bpmn", KNOWN_DELEGATES)
    [problem] = [problem for problem in refused.value.problems if problem.severity == "error"]
    assert message in problem.message
    assert problem.line == 5


@settings(max_examples=200, deadline=None, derandomize=True)
@given(kind=st.sampled_from(["string", "long", "boolean", "date", "enum"]), value=JSON)
def test_whatever_is_submitted_is_taken_or_refused_in_words(kind: str, value: object) -> None:
    limits = (Constraint("required"), Constraint("minlength", "1"), Constraint("min", "0"))
    wanted = FormField("a", kind, options=(Option("x", None),), constraints=limits[: 2 + (kind == "long")])
    submission = read_submission([wanted], {"a": value}, {})
    if submission.problems:
        assert [problem.field_id for problem in submission.problems] == ["a"]
    else:
        _, problems = shown([wanted], submission.variables, {})
        assert problems == []


def test_every_field_that_does_not_fit_is_told() -> None:
    fields = [FormField("a", "long"), FormField("b", "boolean"), FormField("c", "string")]
    submission = read_submission(fields, {"a": "x", "b": 1, "c": "fine"}, {})
    assert [problem.field_id for problem in submission.problems] == ["a", "b"]


def test_a_default_that_cannot_be_worked_out_is_the_fields_problem() -> None:
    wanted = FormField("a", "string", default=juel.compile("${nothing}"))
    assert "nothing" in read_submission([wanted], {}, {}).problems[0].message
    assert read_submission([wanted], {"a": "given"}, {}).variables == {"a": "given"}
    fields, problems = shown([wanted], {}, {})
    assert (fields[0].value, problems[0].field_id) == (None, "a")


def test_small_numbers_of_a_long_field_are_longs() -> None:
    submission = read_submission([FormField("a", "long")], {"a": 7}, {})
    assert submission.variables == {"a": TypedValue("Long", 7)}


@pytest.mark.parametrize(
    ("text", "pattern", "moment"),
    [
        ("17/03/2025", "dd/MM/yyyy", datetime(2025, 3, 17, tzinfo=UTC)),
        ("1/2/2025", "dd/MM/yyyy", datetime(2025, 2, 1, tzinfo=UTC)),
        ("2025-01-02 03:04", "yyyy-MM-dd HH:mm", datetime(2025, 1, 2, 3, 4, tzinfo=UTC)),
        ("2025-01-02T03:04:05.678", "yyyy-MM-dd'T'HH:mm:ss.SSS", datetime(2025, 1, 2, 3, 4, 5, 678000, UTC)),
        ("02.01.25", "dd.MM.yy", datetime(2025, 1, 2, tzinfo=UTC)),
        ("4 Mar 2025 12:30 am", "d MMM yyyy hh:mm a", datetime(2025, 3, 4, 0, 30, tzinfo=UTC)),
        ("March 4, 2025", "MMMM d, yyyy", datetime(2025, 3, 4, tzinfo=UTC)),
    ],
)
def test_dates_are_read_by_their_pattern(text: str, pattern: str, moment: datetime) -> None:
    assert why_unreadable(pattern) is None
    assert read_date(text, pattern) == moment
    assert read_date(write_date(moment, pattern), pattern) == moment


@pytest.mark.parametrize("text", ["", "99/99/2025", "2025-01-01", "1/2/3/4", "soon", "٣/٣/٢٠٢٥"])
def test_what_is_no_date_of_the_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_date(text, "dd/MM/yyyy")
