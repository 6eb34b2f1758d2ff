"""One run of a case of `engine_cases.py`, on our engine or on SpiffWorkflow as it comes, in a process of its own.

    python -m benchmarks.engine_peer ours|stock GROUP CASE N

Prints CPU seconds, without reading the diagram and after a small run to warm up. The process may be killed: stock
does not end within sensible time where its cost grows with the square of what there is, and ends early without an
error where its iterator gives up (`max_depth`), which is told here as a failure.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from time import process_time
from typing import Any

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.util.task import TaskState

from benchmarks.engine_cases import CASES, Case
from benchmarks.engine_diagrams import STOCK

_WARM_UP = 5


class StockWorld:
    """SpiffWorkflow 3.2.0 used as its documentation does; stored and loaded by its own serializer."""

    def __init__(self, *sources: bytes) -> None:
        parser = BpmnParser()
        for source in sources:
            parser.add_bpmn_str(source)
        self.spec = parser.get_spec("p")
        self.sub_specs = parser.get_subprocess_specs("p")
        self.serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure())

    def run(self, variables: Mapping[str, Any]) -> bool:
        """An instance has run; whether it came to its end."""
        return bool(self._started(variables).completed)

    def complete_all(self, variables: Mapping[str, Any]) -> bool:
        """An instance has run and its user tasks were completed one by one, stored and loaded before each."""
        workflow = self._started(variables)
        stored = self.serializer.serialize_json(workflow)
        while True:
            workflow = self.serializer.deserialize_json(stored)
            task = next(iter(workflow.get_tasks(state=TaskState.READY, manual=True)), None)
            if task is None:
                return bool(workflow.completed)
            task.run()
            workflow.do_engine_steps()
            stored = self.serializer.serialize_json(workflow)

    def _started(self, variables: Mapping[str, Any]) -> BpmnWorkflow:
        workflow = BpmnWorkflow(self.spec, self.sub_specs)
        workflow.task_tree.data.update(variables)
        workflow.do_engine_steps()
        return workflow


def stock_seconds(case: Case, n: int) -> float:
    """CPU seconds of one run. Raises SystemExit if it did not come to its end."""
    world = StockWorld(case.diagram(n, STOCK), *case.called(n, STOCK))
    drive = {"run": world.run, "tasks": world.complete_all}[case.drive]
    gc.collect()
    began = process_time()
    is_ended = drive(case.variables(n))
    seconds = process_time() - began
    if not is_ended:
        raise SystemExit("stalls: it stops without an error and is not complete")
    return seconds


def main() -> None:
    side, group, name, size = sys.argv[1:]
    case = next(case for case in CASES if (case.group, case.name) == (group, name))
    n = int(size)
    if side == "ours":
        case.seconds(_WARM_UP, case.parsed(_WARM_UP))
        print(case.seconds(n, case.parsed(n)))
    else:
        stock_seconds(case, _WARM_UP)
        print(stock_seconds(case, n))


if __name__ == "__main__":
    main()
