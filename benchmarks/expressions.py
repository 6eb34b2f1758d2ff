"""What one evaluation of a condition costs, warm: ours, npm's feelin, SpiffWorkflow's PythonScriptEngine, in one run.

    python -m benchmarks.expressions

The same conditions in JUEL, FEEL and Python. Ours is asked twice: with the variables in a plain dict, and as the engine
asks, through the names at a token two scopes deep. SpiffWorkflow is asked as its gateways ask it; feelin parses each
time, as its `evaluate` does. Medians of 21 runs; exits 1 if the first condition takes longer than the bound.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine

from benchmarks import feelin
from mlc_service.engine.variables import Names
from mlc_service.language.juel import compile

BOUND_MICROSECONDS = 5.0
RUNS = 21
CALLS = 2_000
VARIABLES: dict[str, Any] = {
    "a": {"b": "x"},
    "n": 5,
    "JOB": {"jobStatus": "COMPLETE", "jobMessages": ["started", "done"]},
    "approved": True,
}
# JUEL, FEEL, Python
CONDITIONS = (
    ("${a.b == 'x' && n > 3}", 'a.b = "x" and n > 3', "a['b'] == 'x' and n > 3"),
    ("${approved}", "approved", "approved"),
    ("${n * 2 + 1 >= 11}", "n * 2 + 1 >= 11", "n * 2 + 1 >= 11"),
    (
        "${JOB.jobStatus.toString() == 'COMPLETE' || JOB.jobStatus.toString() == 'ERROR'}",
        'JOB.jobStatus = "COMPLETE" or JOB.jobStatus = "ERROR"',
        "JOB['jobStatus'] == 'COMPLETE' or JOB['jobStatus'] == 'ERROR'",
    ),
    ("${JOB.jobMessages.contains('done')}", 'list contains(JOB.jobMessages, "done")', "'done' in JOB['jobMessages']"),
    ("${n > 3 ? 'big' : 'small'}", 'if n > 3 then "big" else "small"', "'big' if n > 3 else 'small'"),
)

_FEELIN = """
import { evaluate } from 'feelin';
import { readFileSync } from 'node:fs';
const { expressions, context, runs, calls } = JSON.parse(readFileSync(0));
function median(numbers) { return numbers.sort((one, other) => one - other)[numbers.length >> 1]; }
console.log(JSON.stringify(expressions.map(text => {
  for (let call = 0; call < calls; call++) evaluate(text, context);
  const taken = [];
  for (let run = 0; run < runs; run++) {
    const start = process.hrtime.bigint();
    for (let call = 0; call < calls; call++) evaluate(text, context);
    taken.push(Number(process.hrtime.bigint() - start) / 1000 / calls);
  }
  return [median(taken), evaluate(text, context).value];
})));
"""


def median_microseconds(evaluate: Callable[[], Any]) -> float:
    """The median over the runs of what one call takes."""
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(CALLS):
            evaluate()
        taken.append((time.perf_counter() - began) / CALLS * 1e6)
    return statistics.median(taken)


def token() -> Any:
    """What the engine's names need of a token: two scopes, the outer one with the variables."""
    instance = SimpleNamespace(user="demo", now=datetime.now(UTC))
    outer = SimpleNamespace(data=VARIABLES, parent=None, workflow=instance)
    return SimpleNamespace(data={}, parent=outer, workflow=instance)


def main() -> int:
    engine, at = PythonScriptEngine(), token()
    task = SimpleNamespace(data=VARIABLES)
    try:
        theirs = feelin.run(
            _FEELIN,
            {"expressions": [feel for _, feel, _ in CONDITIONS], "context": VARIABLES, "runs": RUNS, "calls": CALLS},
        )
    except feelin.NotHere as missing:
        print(f"feelin is not measured: {missing}")
        theirs = [(None, None)] * len(CONDITIONS)
    print(f"one evaluation, median of {RUNS} runs of {CALLS:,}, in µs (and how many times ours with a dict)\n")
    print(f"{'condition':<50}{'ours, dict':>12}{'ours, engine':>18}{'SpiffWorkflow':>20}{'feelin':>20}")
    first = None
    for (text, _, python), (feelin_takes, feelin_says) in zip(CONDITIONS, theirs, strict=True):
        expression = compile(text)
        said = expression.evaluate(VARIABLES)
        spiff = lambda python=python: engine.evaluate(task, python)  # noqa: E731
        if spiff() != said or (feelin_takes is not None and feelin_says != said):
            print(f"they do not agree on {text}: {json.dumps([said, spiff(), feelin_says])}")
            return 1
        ours = median_microseconds(lambda expression=expression: expression.evaluate(VARIABLES))  # type: ignore[misc]
        inside = median_microseconds(lambda expression=expression: expression.evaluate(Names(at)))  # type: ignore[misc]
        python_takes = median_microseconds(spiff)
        first = inside if first is None else first

        def beside(micros: float | None, ours: float = ours) -> str:
            return "-" if micros is None else f"{micros:.2f} ({micros / ours:.0f}x)"

        shown = text if len(text) < 48 else text[:46] + "…"
        print(f"{shown:<50}{ours:>12.2f}{beside(inside):>18}{beside(python_takes):>20}{beside(feelin_takes):>20}")
    assert first is not None
    holds = first < BOUND_MICROSECONDS
    outcome = "held" if holds else "BROKEN"
    print(f"\n{CONDITIONS[0][0]} in the engine: {first:.2f} µs, bound {BOUND_MICROSECONDS:g} µs: {outcome}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
