"""`mlc cleanup`, and the settings of retention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlc_service.cleaning import NoDatabase, lines_of_cleanup
from mlc_service.process.retention import CleanupWindow, RetentionRules, parse_time_of_day
from mlc_service.settings import InvalidSettings, Settings, settings_from
from mlc_service.store import schema
from mlc_service.store.units import Units
from tests.unit.engine.driver import diagram, flows
from tests.unit.process.service import Service


def lines(database_url: str, clock: Any, *, only_say: bool = False) -> list[str]:
    return list(lines_of_cleanup(Settings(database_url=database_url), only_say=only_say, clock=clock))


def test_the_command_removes_what_its_dry_run_said(database_url: str, units: Units, clock: Any) -> None:
    service = Service(units, clock)
    content = '<bpmn:startEvent id="start" /><bpmn:endEvent id="end" />' + flows("start", "end")
    service.deploy(diagram(content).replace(b'id="p"', b'id="p" camunda:historyTimeToLive="1"', 1))
    definition_id = service.record(service.start().id).definition_id
    assert lines(database_url, clock) == ["nothing is due"]
    clock.forward(days=1)
    head = [f"process {definition_id}: 3 rows are due"]
    would_be = ["historic_activity_instances: 2 would be removed", "historic_process_instances: 1 would be removed"]
    assert lines(database_url, clock, only_say=True) == head + would_be
    assert lines(database_url, clock) == head + [line.replace("would be ", "") for line in would_be]
    assert service.records() == []


def test_no_database_is_made_for_the_command(tmp_path: Path) -> None:
    with pytest.raises(NoDatabase, match="there is no database"):
        list(lines_of_cleanup(Settings(data=tmp_path), only_say=True))
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_version_is_not_cleaned(empty_database_url: str, clock: Any) -> None:
    units = Units(empty_database_url)
    assert units.schema_state() is schema.SchemaState.EMPTY
    units.close()
    with pytest.raises(NoDatabase, match="mlc migrate"):
        lines(empty_database_url, clock)


# --- settings -----------------------------------------------------------------------------------------------------


def test_history_is_kept_for_ever_and_cleaned_on_demand_unless_settings_say_otherwise() -> None:
    assert settings_from({}).retention == RetentionRules(window=None, batch_rows=1000, time_to_live=None)


def test_settings_say_how_long_history_is_kept_and_when_it_is_cleaned() -> None:
    given = {
        "MLC_CLEANUP_WINDOW_START": "22:00 Europe/Berlin",
        "MLC_CLEANUP_WINDOW_END": "05:00+01:00",
        "MLC_CLEANUP_BATCH": "200",
        "MLC_HISTORY_TIME_TO_LIVE": "365",
    }
    window = CleanupWindow(parse_time_of_day("22:00 Europe/Berlin"), parse_time_of_day("05:00+01:00"))
    assert settings_from(given).retention == RetentionRules(window, 200, 365)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"MLC_CLEANUP_WINDOW_START": "22:00"}, "give both or none"),
        ({"MLC_CLEANUP_WINDOW_START": "22:00", "MLC_CLEANUP_WINDOW_END": "dawn"}, "time of day"),
        ({"MLC_CLEANUP_WINDOW_START": "22:00", "MLC_CLEANUP_WINDOW_END": "22:00"}, "must not end when it starts"),
        ({"MLC_CLEANUP_BATCH": "0"}, "at least 1"),
        ({"MLC_HISTORY_TIME_TO_LIVE": "-1"}, "no number of days"),
        ({"MLC_HISTORY_TIME_TO_LIVE": "1.5"}, "no number of days"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        settings_from(given)
