"""One call of a decision table: ours, npm's feelin, SpiffWorkflow's own DMN, on the same table in one run.

    python -m benchmarks.decisions

Three input columns (a text, a half-open interval, a bound), two output columns, COLLECT. SpiffWorkflow evaluates
Python, so its cells say the same in Python. feelin knows no tables: its cells are asked one by one, as a host of it
would, the columns left to right until one does not hold. Best of five; exits 1 if ours is slower than the bound.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from types import SimpleNamespace
from typing import Any

from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.dmn.engine.DMNEngine import DMNEngine
from SpiffWorkflow.dmn.specs import model as spiff

from benchmarks import feelin
from mlc_service.dmn import parse_dmn
from mlc_service.dmn.feel import Run, Scope, expression

SIZES = (10, 100, 1_000, 10_000)
BOUND_RULES, BOUND_MICROSECONDS = 1_000, 1_000.0
LARGEST_FOR_OTHERS = 1_000
RUNS = 5
EXPRESSION = 'a.b = "x" and n > 3'
KINDS = 50

_FEELIN = """
import { evaluate, unaryTest } from 'feelin';
import { readFileSync } from 'node:fs';
const { tables, runs, expression } = JSON.parse(readFileSync(0));
function decide(rules, values) {
  const found = [];
  for (const { tests, answers } of rules) {
    if (tests.every((test, at) => unaryTest(test, { '?': values[at] }).value === true)) {
      found.push(answers.map(answer => evaluate(answer, {}).value));
    }
  }
  return found;
}
function best(task, calls) {
  let least = Infinity;
  for (let run = 0; run < runs; run++) {
    const start = process.hrtime.bigint();
    for (let call = 0; call < calls; call++) task();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / 1000 / calls);
  }
  return least;
}
const micros = tables.map(({ rules, values, calls }) => {
  decide(rules, values);
  return [best(() => decide(rules, values), calls), decide(rules, values)];
});
const context = { a: { b: 'x' }, n: 4 };
const asked = best(() => evaluate(expression, context), 2000);
console.log(JSON.stringify({ micros, asked }));
"""


def rules_of(size: int) -> list[tuple[list[str], list[str]]]:
    """The rules in FEEL: texts of the input cells, texts of the output cells."""
    return [
        ([f'"kind {at % KINDS}"', f"[{at}..{at + 20}[", f"< {at + 3}.5"], [f'"rule {at}"', str(at)])
        for at in range(size)
    ]


def values_of(size: int) -> dict[str, Any]:
    """Values for which the rule in the middle holds, and it alone."""
    middle = size // 2
    return {"kind": f"kind {middle % KINDS}", "amount": middle + 0.5, "score": middle + 1}


def ours(size: int) -> Callable[[], list[Any]]:
    columns = "".join(
        f'<input id="i{name}"><inputExpression typeRef="{kind}"><text>{name}</text></inputExpression></input>'
        for name, kind in (("kind", "string"), ("amount", "double"), ("score", "double"))
    )
    rows = "".join(
        f'<rule id="r{at}">'
        + "".join(f"<inputEntry><text>{escape(cell)}</text></inputEntry>" for cell in tests)
        + "".join(f"<outputEntry><text>{escape(cell)}</text></outputEntry>" for cell in answers)
        + "</rule>"
        for at, (tests, answers) in enumerate(rules_of(size))
    )
    table = f'{columns}<output name="rule" typeRef="string"/><output name="number" typeRef="integer"/>{rows}'
    source = (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d"><decision id="k" name="k">'
        f'<decisionTable hitPolicy="COLLECT">{table}</decisionTable></decision></definitions>'
    )
    (decision,) = parse_dmn(source.encode(), "table.dmn")
    values = values_of(size)
    return lambda: [[row["rule"], row["number"]] for row in decision.evaluate(values).rows]


def spiffs(size: int) -> Callable[[], list[Any]]:
    table = spiff.DecisionTable("t", "t", "COLLECT")
    table.inputs = [spiff.Input(name, name, name, name, "string") for name in ("kind", "amount", "score")]
    table.outputs = [spiff.Output(name, name, name, "string") for name in ("rule", "number")]
    for at, (tests, answers) in enumerate(rules_of(size)):
        rule = spiff.Rule(f"r{at}")
        cells = [tests[0], f"{at} <= ? < {at + 20}", tests[2]]
        for column, text in zip(table.inputs, cells, strict=True):
            entry = spiff.InputEntry(f"c{at}", column)
            entry.lhs = [text]
            rule.inputEntries.append(entry)
        for output, text in zip(table.outputs, answers, strict=True):
            answer = spiff.OutputEntry(f"o{at}", output)
            answer.text = text
            rule.outputEntries.append(answer)
        table.rules.append(rule)
    engine = DMNEngine(table)
    script_engine = PythonScriptEngine()

    def decide() -> list[Any]:
        task = SimpleNamespace(data=values_of(size), workflow=SimpleNamespace(script_engine=script_engine))
        found = engine.result(task)
        return [list(row) for row in zip(found["rule"], found["number"], strict=True)]

    return decide


def best_microseconds(task: Callable[[], Any], calls: int) -> float:
    """The least time of one call over some runs of many."""
    least = float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        for _ in range(calls):
            task()
        least = min(least, (time.perf_counter() - start) / calls * 1e6)
    return least


def _calls(size: int, per_rule_microseconds: float) -> int:
    return max(1, int(300_000 / (size * per_rule_microseconds)))


def main() -> int:
    sizes = [size for size in SIZES if size <= LARGEST_FOR_OTHERS]
    try:
        asked = feelin.run(
            _FEELIN,
            {
                "tables": [
                    {
                        "rules": [{"tests": tests, "answers": answers} for tests, answers in rules_of(size)],
                        "values": list(values_of(size).values()),
                        "calls": _calls(size, 30),
                    }
                    for size in sizes
                ],
                "runs": RUNS,
                "expression": EXPRESSION,
            },
        )
    except feelin.NotHere as missing:
        print(f"feelin is left out: {missing}")
        asked = None
    print(f"{'rules':>7}{'ours, µs':>12}{'feelin, µs':>14}{'Spiff, µs':>14}{'feelin/ours':>14}{'Spiff/ours':>12}")
    slow = False
    for at, size in enumerate(SIZES):
        mine = ours(size)
        answer = mine()
        own = best_microseconds(mine, 500)
        slow = slow or (size <= BOUND_RULES and own > BOUND_MICROSECONDS)
        line = f"{size:7}{own:12.1f}"
        if size <= LARGEST_FOR_OTHERS:
            theirs = spiffs(size)
            assert theirs() == answer
            other = best_microseconds(theirs, _calls(size, 60))
            fe = None if asked is None else asked["micros"][at][0]
            assert asked is None or asked["micros"][at][1] == answer
            line += f"{'-' if fe is None else format(fe, '.0f'):>14}{other:14.0f}"
            line += f"{'-' if fe is None else format(fe / own, '.0f'):>14}{other / own:12.0f}"
        print(line)
    compiled, scope = expression(EXPRESSION), Scope(Run({"a": {"b": "x"}, "n": 4}))
    single = best_microseconds(lambda: compiled.value(scope), 20_000)
    beside = "" if asked is None else f", feelin {asked['asked']:.1f} µs (it reads the text at each call)"
    print(f"FEEL {EXPRESSION}: ours {single:.2f} µs{beside}")
    if slow:
        print(f"A table of {BOUND_RULES} rules takes more than {BOUND_MICROSECONDS:.0f} µs.")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
