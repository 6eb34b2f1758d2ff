"""Filters, sort keys, pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mlc_service.rest.camunda import query
from mlc_service.rest.errors import HttpProblem
from mlc_service.store.selecting import Page, VariableCondition

THINGS = query.Queryable(
    filters=(
        query.text("name", "name"),
        query.texts("idIn", "ids"),
        query.single("id", "ids"),
        query.integer("priority", "priority"),
        query.moment("before", "before"),
        query.flag("active", suspended=False),
        query.variables("variables", "variables"),
        query.span("dueDates", after="due_after", before="due_before"),
        query.never("tenantIdIn"),
        query.ignored_flag("withoutTenantId"),
        *query.unsupported("difficult"),
    ),
    sorts={"id": "id", "startTime": "started", "hard": None},
)


def read(**given):
    return THINGS.read(given, given)


def refused(**given):
    with pytest.raises(HttpProblem) as problem:
        read(**given)
    return problem.value


def test_nothing_asked_is_everything():
    found = read(unknown="x")
    assert (found.sets, found.page, found.is_empty) == ({}, Page(), False)


def test_texts_come_divided_by_commas_or_as_an_array():
    assert read(idIn="a, b,,c").sets == {"ids": ["a", "b", "c"]}
    assert read(idIn=["a", "b"]).sets == {"ids": ["a", "b"]}
    assert read(id="a,b").sets == {"ids": ["a,b"]}


def test_a_flag_asks_only_if_it_is_true():
    assert read(active="true").sets == {"suspended": False}
    assert read(active="True").sets == {"suspended": False}
    assert read(active="false").sets == {}
    assert read(active=False).sets == {}


def test_dates_and_numbers_are_converted():
    found = read(before="2013-01-23T14:42:45.000+0200", priority="5")
    assert found.sets == {"before": datetime(2013, 1, 23, 12, 42, 45, tzinfo=UTC), "priority": 5}


@pytest.mark.parametrize(
    ("name", "value"),
    [("priority", "x"), ("priority", str(2**31)), ("priority", "9" * 10000), ("priority", []), ("before", "soon"),
     ("active", "maybe"), ("idIn", 5), ("name", {}), ("dueDates", "xx_2013-01-01"), ("dueDates", 5)],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_told_with_its_name(name, value):
    problem = refused(**{name: value})
    assert problem.status == 400
    assert problem.message.startswith(f"Cannot set query parameter '{name}' to value '")


def test_variables_are_three_pieces_or_an_object():
    expected = {"variables": (VariableCondition("a", "eq", "b"), VariableCondition("c", "like", "%d"))}
    assert read(variables="a_eq_b,c_like_%d").sets == expected
    document = [{"name": "a", "operator": "eq", "value": "b"}, {"name": "c", "operator": "like", "value": "%d"}]
    assert read(variables=document).sets == expected


@pytest.mark.parametrize(
    "value",
    ["a_eq", "a_eq_b_c", "a_is_b", [{"name": "a"}], [{"operator": "eq", "value": 1}], [5], 5,
     [{"name": "a", "operator": "eq", "value": []}], [{"name": "a", "operator": "like", "value": 1}],
     [{"name": "a", "operator": ["eq"], "value": 1}]],
)  # fmt: skip
def test_a_variable_condition_in_another_form_is_refused(value):
    assert refused(variables=value).status == 400


def test_dates_with_operators():
    assert read(dueDates="gt_2013-01-01,lt_2014-01-01").sets == {
        "due_after": datetime(2013, 1, 1, tzinfo=UTC),
        "due_before": datetime(2014, 1, 1, tzinfo=UTC),
    }
    document = [{"operator": "gt", "value": "2013-01-01"}]
    assert read(dueDates=document).sets == {"due_after": datetime(2013, 1, 1, tzinfo=UTC)}


def test_a_filter_nothing_can_meet_finds_nothing_without_asking_the_store():
    assert read(tenantIdIn="a").is_empty
    assert not read(withoutTenantId="true").is_empty


def test_a_filter_we_do_not_have_is_said_and_not_ignored():
    assert refused(difficult="x").status == 501
    assert read(difficult=False).sets == {}


def test_pages_and_sorting():
    assert read(firstResult="2", maxResults="0").page == Page(2, 0)
    assert read(sortBy="startTime", sortOrder="desc").page.sort == (("started", "desc"),)
    both = [{"sortBy": "id", "sortOrder": "asc"}, {"sortBy": "startTime", "sortOrder": "desc"}]
    assert read(sorting=both).page.sort == (("id", "asc"), ("started", "desc"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sortBy": "id"}, "Only a single sorting parameter specified. sortBy and sortOrder required"),
        ({"sortOrder": "asc"}, "Only a single sorting parameter specified. sortBy and sortOrder required"),
        ({"sortBy": "x", "sortOrder": "asc"}, "sortBy parameter has invalid value: x"),
        ({"sortBy": "id", "sortOrder": "up"}, "sortOrder parameter has invalid value: up"),
        ({"sorting": "id"}, "sorting must be a list of objects"),
    ],
)
def test_a_sorting_that_cannot_be_is_told_in_camundas_words(given, message):
    assert refused(**given).message == message


@pytest.mark.parametrize("value", ["-1", "x", str(2**31), "1.5"])
def test_a_page_that_cannot_be_is_refused(value):
    assert refused(firstResult=value).status == 400
    assert refused(maxResults=value).status == 400
