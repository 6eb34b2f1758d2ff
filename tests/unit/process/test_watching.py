"""What is counted and logged about instances."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from mlc_service.metrics import COUNTED
from mlc_service.process.instances import delete_instance
from mlc_service.process.running import Step
from mlc_service.process.tasks import complete_task
from tests.unit.process.service import Service, path

START, END = '<bpmn:startEvent id="s"/>', '<bpmn:endEvent id="e"/>'
TASK = '<bpmn:userTask id="t"/>'


def counted(name: str, **labels: str) -> float:
    return COUNTED.get_sample_value(name, labels) or 0.0


def test_instances_are_counted_when_they_start_and_when_they_end(service: Service) -> None:
    started = counted("mlc_instances_started_total", definition_key="p")
    completed = counted("mlc_instances_ended_total", definition_key="p", state="COMPLETED")
    ended = counted("mlc_instances_ended_total", definition_key="p", state="EXTERNALLY_TERMINATED")
    service.begin(path(START, TASK, END))
    service.complete()
    service.run(delete_instance, service.start().id)
    assert counted("mlc_instances_started_total", definition_key="p") == started + 2
    assert counted("mlc_instances_ended_total", definition_key="p", state="COMPLETED") == completed + 1
    assert counted("mlc_instances_ended_total", definition_key="p", state="EXTERNALLY_TERMINATED") == ended + 1


def test_a_command_that_is_rolled_back_has_counted_nothing(service: Service) -> None:
    service.begin(path(START, TASK, END))
    completed = counted("mlc_instances_ended_total", definition_key="p", state="COMPLETED")
    (task,) = service.tasks()

    def complete_and_break(unit: Any, around: Any) -> None:
        complete_task(unit, around, task.id)
        raise RuntimeError("after that, something else")

    with pytest.raises(RuntimeError):
        service.run(complete_and_break)
    assert service.tasks() == [task]
    assert counted("mlc_instances_ended_total", definition_key="p", state="COMPLETED") == completed


def test_all_that_is_written_while_an_instance_is_fed_says_which(service: Service) -> None:
    heard: list[dict[str, Any]] = []
    begun = service.begin(path(START, TASK, END))

    def feed(unit: Any, around: Any) -> None:
        Step(unit, around).feed(begun.id, lambda execution: heard.append(dict(structlog.contextvars.get_contextvars())))

    service.run(feed)
    assert heard == [{"instance_id": begun.id, "definition_key": "p"}]
