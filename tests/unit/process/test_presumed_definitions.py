"""A definition that this process has read before may have been changed by another one: what is written never shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mlc_service import metrics
from mlc_service.process.definitions import set_definition_suspended
from mlc_service.process.errors import Suspended
from mlc_service.store.units import Units
from tests.unit.process.service import Service, diagram, path

START, END = '<bpmn:startEvent id="s"/>', '<bpmn:endEvent id="e"/>'
FIRST = diagram(path(START, '<bpmn:task id="old"/>', END))
SECOND = diagram(path(START, '<bpmn:task id="new"/>', END))


@pytest.fixture
def elsewhere(service: Service) -> Iterator[Service]:
    """The same database, as another process sees it."""
    units = Units(service.units.database_url)
    yield Service(units, service.clock)
    units.close()


def repeated() -> float:
    found = metrics.COUNTED.get_sample_value("mlc_transactions_repeated_total", {"cause": "outdated"})
    return found or 0.0


def test_another_process_deploys_a_new_version(service: Service, elsewhere: Service) -> None:
    service.deploy(FIRST)
    service.start()
    elsewhere.deploy(SECOND)
    id = service.start().id
    assert service.trail(id) == ["s", "new", "e"]
    # what was tried with the old version has left nothing
    assert len(service.records()) == 2


def test_another_process_suspends_it_and_lets_it_go_on(service: Service, elsewhere: Service) -> None:
    definition = service.deploy(FIRST).processes[0]
    service.start()
    elsewhere.run(set_definition_suspended, definition.id, True)
    for start in (service.start, lambda: service.run_in(definition.id)):
        with pytest.raises(Suspended):
            start()
    elsewhere.run(set_definition_suspended, definition.id, False)
    service.start()
    assert len(service.records()) == 2


def test_another_process_changes_how_long_its_history_is_kept(service: Service, elsewhere: Service) -> None:
    definition = service.deploy(FIRST).processes[0]
    service.start()
    elsewhere.units.run(lambda unit: unit.definitions.set_time_to_live(definition.id, 3))
    by_key, by_id = service.start().id, service.run_in(definition.id)
    assert [service.record(id).removal for id in (by_key, by_id)] == [service.clock.now() + timedelta(days=3)] * 2


def test_what_was_presumed_is_forgotten_when_it_was_wrong(service: Service, elsewhere: Service) -> None:
    service.deploy(FIRST)
    service.start()
    elsewhere.deploy(SECOND)
    service.start()
    before = repeated()
    service.start()
    assert repeated() == before


def test_who_does_not_repeat_takes_nothing_for_granted(service: Service, elsewhere: Service) -> None:
    service.deploy(FIRST)
    service.start()
    latest = elsewhere.deploy(SECOND).processes[0]
    with service.units.begin() as unit:
        found = unit.definitions.presumed_latest("p")
    assert found is not None
    assert found.id == latest.id
