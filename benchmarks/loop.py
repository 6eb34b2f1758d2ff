"""A loop of 10,000 turns through an exclusive gateway and a script task: does a turn cost the same at the end?

Run with `make bench` or `python benchmarks/loop.py`. Prints the time of the whole loop in the engine, the time per
turn in the first and the last thousand turns with their ratio, and the size of the stored state at the start and at
the end. Five runs; the best of each figure is least disturbed by the machine. Exits 1 if a bound does not hold.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mlc_service.engine import Execution, parse_bpmn
from mlc_service.language.scripts import ScriptOutcome, ScriptRunner

TURNS = 10_000
WINDOW = 1_000
RUNS = 5
MAX_RATIO = 1.2
MAX_SECONDS = 1.0
MAX_STATE_BYTES = 2_048

DIAGRAM = b"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="definitions" targetNamespace="benchmark">
  <bpmn:process id="loop" isExecutable="true">
    <bpmn:startEvent id="start" />
    <bpmn:sequenceFlow id="in" sourceRef="start" targetRef="turn" />
    <bpmn:scriptTask id="turn" scriptFormat="python">
      <bpmn:script>execution.setVariable("n", n + 1)</bpmn:script>
    </bpmn:scriptTask>
    <bpmn:sequenceFlow id="to_gateway" sourceRef="turn" targetRef="again" />
    <bpmn:exclusiveGateway id="again" default="out" />
    <bpmn:sequenceFlow id="back" sourceRef="again" targetRef="turn">
      <bpmn:conditionExpression>${n &lt; limit}</bpmn:conditionExpression>
    </bpmn:sequenceFlow>
    <bpmn:sequenceFlow id="out" sourceRef="again" targetRef="wait" />
    <bpmn:receiveTask id="wait" messageRef="go_on" />
  </bpmn:process>
  <bpmn:message id="go_on" name="go_on" />
</bpmn:definitions>
"""


class TimedHost:
    """Runs the scripts and notes when each turn began."""

    def __init__(self, scripts: ScriptRunner) -> None:
        self._scripts = scripts
        self.turns: list[float] = []

    def run_script(
        self, language: str, source: str, variables: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> ScriptOutcome:
        self.turns.append(time.perf_counter())
        return self._scripts.run(language, source, variables, facts=facts)

    def groups_of(self, user: str | None) -> list[str]:
        raise AssertionError("the loop asks for nobody's groups")

    def decide(
        self,
        decision_key: str,
        binding: str,
        version: str | None,
        variables: Mapping[str, Any],
        facts: Mapping[str, Any],
    ) -> Any:
        raise AssertionError("the loop has no decision")


def run_loop(scripts: ScriptRunner, turns: int) -> tuple[float, list[float], int]:
    """Seconds of the whole loop, the start of each turn, and the bytes of the stored state at its end."""
    (definition,) = parse_bpmn(DIAGRAM, "loop.bpmn", frozenset())
    host = TimedHost(scripts)
    began = time.perf_counter()
    execution = Execution.start(
        definition,
        host,
        instance_id="00000000-0000-4000-8000-000000000001",
        now=datetime.now(UTC),
        variables={"n": 0, "limit": turns},
    )
    seconds = time.perf_counter() - began
    if execution.variables()["n"] != turns:
        raise SystemExit("the loop did not run to its end")
    return seconds, [*host.turns, began + seconds], len(execution.dump())


def main() -> int:
    scripts = ScriptRunner()
    run_loop(scripts, 100)
    whole, ratios, firsts, lasts = [], [], [], []
    state_bytes = 0
    for _ in range(RUNS):
        seconds, turns, state_bytes = run_loop(scripts, TURNS)
        first = (turns[WINDOW] - turns[0]) / WINDOW
        last = (turns[TURNS] - turns[TURNS - WINDOW]) / WINDOW
        whole.append(seconds)
        firsts.append(first)
        lasts.append(last)
        ratios.append(last / first)
    scripts.close()
    ratio = min(lasts) / min(firsts)
    best, worst = min(whole) * 1000, max(whole) * 1000
    print(f"{TURNS:,} turns in the engine: best {best:.0f} ms, worst {worst:.0f} ms of {RUNS} runs")
    print(
        f"a turn: first {WINDOW:,} {min(firsts) * 1e6:.1f} µs, last {WINDOW:,} {min(lasts) * 1e6:.1f} µs, "
        f"ratio {ratio:.2f} (single runs {min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(f"stored state after {TURNS:,} turns: {state_bytes} bytes")
    holds = ratio <= MAX_RATIO and min(whole) < MAX_SECONDS and state_bytes < MAX_STATE_BYTES
    print(
        "every bound holds" if holds else "A BOUND DOES NOT HOLD",
        f"(≤ {MAX_RATIO}, < {MAX_SECONDS} s, < {MAX_STATE_BYTES} bytes)",
    )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
