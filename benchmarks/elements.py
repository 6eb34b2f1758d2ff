"""The table of supported elements in processes/README.md, from what the tests have run (`make elements`).

Counted are the replay cases of Camunda's engine tests and our own engine tests that passed, by the elements and
extensions that stand in their diagrams: an element that no passing test uses has no business in the table.

    python -m benchmarks.elements [--kit ../shared/conformance/camunda7]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from lxml import etree

from benchmarks.conformance import EXECUTORS, KIT, groovy_home, play
from benchmarks.service import ROOT
from mlc_service.engine.parse.names import BPMN, CAMUNDA

PAGE = ROOT / "processes" / "README.md"
BEGIN, END = "<!-- elements: written by make elements -->", "<!-- /elements -->"
# said once more to whoever reads only the table
REFUSED = {
    "complex gateway": "Camunda 7 leaves it out in silence",
    "ad-hoc sub-process": "Camunda 7 leaves it out in silence",
    "several event definitions on one event": "",
    "CMMN cases called by camunda:caseRef": "",
    "camunda:variableMappingClass": "Java classes; map with camunda:in and camunda:out",
}

_TASKS = {
    "task": "undefined task", "manualTask": "manual task", "userTask": "user task", "sendTask": "send task",
    "receiveTask": "receive task", "scriptTask": "script task", "businessRuleTask": "business rule task",
    "exclusiveGateway": "exclusive gateway", "parallelGateway": "parallel gateway",
    "inclusiveGateway": "inclusive gateway", "eventBasedGateway": "event-based gateway",
    "callActivity": "call activity", "transaction": "transaction",
}  # fmt: skip
_EVENTS = {
    "startEvent": "start event", "endEvent": "end event", "intermediateCatchEvent": "intermediate catch event",
    "intermediateThrowEvent": "intermediate throw event", "boundaryEvent": "boundary event",
}  # fmt: skip
_ATTRIBUTES = (
    "asyncBefore", "asyncAfter", "exclusive", "jobPriority", "taskPriority", "assignee", "candidateUsers",
    "candidateGroups", "dueDate", "followUpDate", "priority", "formKey", "formRef", "initiator", "resultVariable",
    "errorCodeVariable", "errorMessageVariable", "escalationCodeVariable", "variableName", "variableEvents",
    "calledElementBinding", "decisionRefBinding", "mapDecisionResult", "versionTag", "historyTimeToLive",
    "isStartableInTasklist", "candidateStarterGroups", "candidateStarterUsers", "errorMessage",
)  # fmt: skip
_EXTENSIONS = {
    "inputParameter", "outputParameter", "in", "out", "failedJobRetryTimeCycle", "properties", "connector", "field",
    "formData", "errorEventDefinition", "list", "map",
}  # fmt: skip
_GROUPS = ("Events", "Activities", "Gateways", "Camunda extensions")


def features(root: etree._Element) -> Iterator[tuple[str, str]]:
    """What stands in a diagram: pairs of a group of the table and a name."""
    for element in root.iter("*"):
        name = etree.QName(element)
        local = name.localname
        if name.namespace == BPMN:
            yield from _of_bpmn(element, local)
        elif name.namespace in CAMUNDA:
            if local in ("executionListener", "taskListener"):
                yield "Camunda extensions", f"{local}, {element.get('event', 'take')}"
            elif local in _EXTENSIONS:
                yield "Camunda extensions", local
        for attribute in element.attrib:
            place = etree.QName(attribute)
            if place.namespace in CAMUNDA and place.localname in _ATTRIBUTES:
                yield "Camunda extensions", place.localname


def _of_bpmn(element: etree._Element, local: str) -> Iterator[tuple[str, str]]:
    if local in _EVENTS:
        yield "Events", _event(element, local)
    elif local.endswith("Gateway") and local in _TASKS:
        yield "Gateways", _TASKS[local]
    elif local in _TASKS:
        yield "Activities", _TASKS[local]
    elif local == "serviceTask":
        yield "Activities", f"service task, {_implementation(element)}"
    elif local == "subProcess":
        yield "Activities", "event sub-process" if element.get("triggeredByEvent") == "true" else "sub-process"
    elif local == "multiInstanceLoopCharacteristics":
        how = "sequential" if element.get("isSequential") == "true" else "parallel"
        yield "Activities", f"multi-instance, {how}"
    elif local == "conditionExpression":
        yield "Gateways", "conditional flow"
    if element.get("default"):
        yield "Gateways", "default flow"
    if element.get("isForCompensation") == "true":
        yield "Activities", "compensation handler"


def _event(element: etree._Element, local: str) -> str:
    kinds = [etree.QName(one).localname for one in element.iterchildren("*")]
    defined = [one for one in kinds if one.endswith("EventDefinition")]
    kind = defined[0].removesuffix("EventDefinition") if defined else "none"
    kind = "compensation" if kind == "compensate" else kind
    text = f"{_EVENTS[local]}, {kind}"
    parent = element.getparent()
    if local == "startEvent" and parent is not None and parent.get("triggeredByEvent") == "true":
        text = f"start of an event sub-process, {kind}"
        if element.get("isInterrupting") == "false":
            text += ", not interrupting"
    if local == "boundaryEvent" and element.get("cancelActivity") == "false":
        text += ", not interrupting"
    return text


def _implementation(element: etree._Element) -> str:
    for namespace in CAMUNDA:
        for attribute, how in (
            ("type", "external task"), ("expression", "expression"), ("class", "delegate"),
            ("delegateExpression", "delegate"),
        ):  # fmt: skip
            if element.get(f"{{{namespace}}}{attribute}"):
                return how
    return "connector"


# -- what the tests have run ------------------------------------------------------------------------------------------


def of_replay_cases(kit: Path) -> Counter[tuple[str, str]]:
    """How many replay cases use a feature and pass, with the job executor on and off."""
    groovy = groovy_home()
    failed = {failure.partition(":")[0] for how in EXECUTORS for failure in play(kit, how, groovy).failures}
    found: Counter[tuple[str, str]] = Counter()
    for file in sorted(kit.glob("*.json")):
        group = json.loads(file.read_text())
        for case in group.get("cases", ()):
            if case["id"] in failed or (case.get("needs") and groovy is None):
                continue
            paths = [kit / "resources" / group["base"] / name for name in case["resources"] if not name.endswith("dmn")]
            found.update({feature for path in paths for feature in _features_of(path.read_bytes())})
    return found


def _features_of(source: bytes) -> set[tuple[str, str]]:
    try:
        return set(features(etree.fromstring(source)))
    except etree.XMLSyntaxError:
        return set()


def of_own_tests() -> Counter[tuple[str, str]]:
    """How many of our engine tests use a feature and pass."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "seen.json")
        command = [sys.executable, "-m", "pytest", "tests/unit/engine", "-q", "-n", "0", "-p", "benchmarks.elements"]
        done = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "MLC_ELEMENTS_REPORT": str(report)})
        if done.returncode:
            raise SystemExit("the engine tests do not pass: there is nothing to write down")
        return Counter({tuple(feature): count for feature, count in json.loads(report.read_text())})


class _Seen:
    """As a pytest plugin: which features stand in the diagrams that a passing test has parsed."""

    def __init__(self) -> None:
        from mlc_service import engine

        self._now: set[tuple[str, str]] = set()
        self._found: Counter[tuple[str, str]] = Counter()
        parse = engine.parse_bpmn

        def recording(source: bytes, *arguments: object, **options: object) -> object:
            self._now |= _features_of(source)
            return parse(source, *arguments, **options)  # type: ignore[arg-type]

        engine.parse_bpmn = recording  # type: ignore[assignment]

    def pytest_runtest_logreport(self, report: object) -> None:
        if report.when == "call" and report.passed:  # type: ignore[attr-defined]
            self._found.update(self._now)
        if report.when == "teardown":  # type: ignore[attr-defined]
            self._now = set()

    def pytest_sessionfinish(self) -> None:
        Path(os.environ["MLC_ELEMENTS_REPORT"]).write_text(json.dumps(sorted(self._found.items())))


def pytest_configure(config: object) -> None:
    """Called by pytest when this module is given with -p."""
    config.pluginmanager.register(_Seen())  # type: ignore[attr-defined]


# -- the page ---------------------------------------------------------------------------------------------------------


def table(replayed: Counter[tuple[str, str]], tested: Counter[tuple[str, str]]) -> str:
    """The table in Markdown."""
    lines = []
    for group in _GROUPS:
        names = sorted({name for one, name in (*replayed, *tested) if one == group})
        lines += [f"### {group}", "", "| | Camunda's tests | ours |", "|---|---:|---:|"]
        lines += [f"| {name} | {replayed[group, name] or '–'} | {tested[group, name] or '–'} |" for name in names]
        lines.append("")
    lines += ["### Refused at deployment, with the element's id", ""]
    lines += [f"- {name}" + (f" ({why})" if why else "") for name, why in REFUSED.items()]
    return "\n".join(lines)


def write(text: str, page: Path = PAGE) -> None:
    """The page has the table between its marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def names_in(page: str) -> Iterable[str]:
    """The features that the page lists."""
    inside = page.partition(BEGIN)[2].partition(END)[0]
    return [line.split("|")[1].strip() for line in inside.splitlines() if line.startswith("| ") and line[2] != "|"]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kit", type=Path, default=KIT)
    given = arguments.parse_args()
    if not (given.kit / "run_cases.py").is_file():
        print(f"the replay cases are not here: {given.kit}", file=sys.stderr)
        return 2
    write(table(of_replay_cases(given.kit), of_own_tests()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
