"""Times as Camunda writes them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlc_service.rest.camunda.dates import format_moment, parse_moment


@given(st.datetimes(timezones=st.timezones()))
def test_what_is_written_can_be_read_to_the_millisecond(moment):
    # at either end of time the same moment has no name in UTC
    assume(2 <= moment.year <= 9998)
    text = format_moment(moment)
    assert text is not None
    back = parse_moment(text)
    assert back.tzinfo is UTC
    assert timedelta(0) <= moment.astimezone(UTC) - back < timedelta(milliseconds=1)


def test_the_form_is_camundas():
    moment = datetime(2013, 1, 23, 13, 42, 42, 657999, timezone(timedelta(hours=2)))
    assert format_moment(moment) == "2013-01-23T11:42:42.657+0000"
    assert format_moment(None) is None


@pytest.mark.parametrize("text", ["2013-01-23", "2013-01-23T00:00", "2013-01-23T00:00:00Z", "2013-01-23T02:00:00+02"])
def test_shorter_forms_are_understood(text):
    assert parse_moment(text) == datetime(2013, 1, 23, tzinfo=UTC)


@given(st.text(alphabet="0123456789-+:T.Z ٣", max_size=30))
def test_anything_else_is_refused_with_a_value_error(text):
    with suppress(ValueError):
        assert parse_moment(text).tzinfo is UTC
