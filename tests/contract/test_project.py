"""What holds for the repository as a whole: locks, licence, links, versions."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from lxml import etree

import delegates
import mlc_service

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("processes/**/*.md")])

_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, str]:
    return dict(_PIN.findall(text(lock)))


def anchor(heading: str) -> str:
    """The fragment that Git hosts give a Markdown heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host(lock: str) -> None:
    assert not re.findall(r"^.*(?:://|index-url|find-links|trusted-host).*$", text(lock), re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_of_a_lock_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=[a-z0-9-]+==)", text(lock), flags=re.MULTILINE)[1:]
    # a package may be pinned once for each of several versions of Python
    assert len(entries) == len(_PIN.findall(text(lock)))
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_development_runs_on_the_versions_that_production_gets() -> None:
    development = pins("requirements-dev.lock")
    assert {name: development.get(name) for name in pins("requirements.lock")} == pins("requirements.lock")


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    for lock, wanted in (
        ("requirements.lock", project["project"]["dependencies"]),
        ("requirements-dev.lock", project["dependency-groups"]["dev"]),
    ):
        names = {re.sub(r"[._]+", "-", re.split(r"[\[<>=;~! ]", each)[0]).lower() for each in wanted}
        assert names - set(pins(lock)) == set(), f"run make lock: {lock}"


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert mlc_service.__version__ == version
    assert f"[{version}]" in text("CHANGELOG.md") or "[Unreleased]" in text("CHANGELOG.md")


def test_licence_and_notice_are_complete() -> None:
    licence = text("LICENSE")
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    for name in ("SpiffWorkflow", "psycopg", "bpmn.io"):
        assert name in text("NOTICE")


def leads_somewhere(target: str, page: Path) -> bool:
    """A link to another site is not followed; a fragment must be a heading of the page it points to."""
    if "://" in target:
        return True
    name, _, fragment = target.partition("#")
    there = (page.parent / name).resolve() if name else page
    if not there.exists() or not fragment:
        return there.exists()
    return fragment in map(anchor, _HEADING.findall(there.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_on_a_page_leads_somewhere(page: Path) -> None:
    # what stands in backticks is code: `a['f'](x)` is no link
    links = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
    assert [target for target in links if not leads_somewhere(target, page)] == []


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    linked = set(_LINK.findall(text("README.md")))
    pages = {str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*.md")}
    assert pages - linked == set()


SOURCES = [path for package in ("mlc_service", "delegates") for path in sorted((ROOT / package).rglob("*.py"))]


def places(expressions: set[str], allowed: str) -> list[str]:
    """Where one of the dotted names is used, anywhere but in the one module that may."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for path in SOURCES
        if path != ROOT / allowed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in expressions
    ]


def test_only_the_clock_tells_the_time() -> None:
    clocks = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
    assert places(clocks | {f"datetime.{name}" for name in clocks}, "mlc_service/clock.py") == []


def test_only_the_settings_read_the_environment() -> None:
    assert places({"os.environ", "os.environb", "os.getenv"}, "mlc_service/settings.py") == []


def test_every_log_event_is_in_the_operations_page() -> None:
    events = {
        name for path in SOURCES for name in re.findall(r"\blog\.\w+\(\s*\"(\w+)\"", path.read_text(encoding="utf-8"))
    }
    assert events, "the pattern finds none"
    assert sorted(event for event in events if f"`{event}`" not in text("docs/operations.md")) == []


def test_every_delegate_is_in_the_page_for_authors() -> None:
    page = text("docs/writing-processes.md")
    assert [one.expression for one in delegates.CATALOGUE if f"| `{one.expression}` |" not in page] == []


@pytest.mark.parametrize("diagram", sorted(ROOT.glob("processes/**/*.bpmn")), ids=lambda path: path.name)
def test_a_shipped_diagram_is_drawn_completely(diagram: Path) -> None:
    # the Modeler opens a file with undrawn elements too, but nobody can see or edit them there
    root = etree.parse(diagram).getroot()
    drawn = {str(shape.get("bpmnElement")) for shape in root.iter("{*}BPMNShape", "{*}BPMNEdge")}
    kinds = ("Task", "Event", "Gateway", "}task", "}subProcess", "}sequenceFlow", "}textAnnotation", "}association")
    elements = {str(one.get("id")) for one in root.iter("*") if str(one.tag).endswith(kinds)}
    assert elements
    assert elements - drawn == set()


def test_the_table_of_elements_is_there_and_every_entry_has_a_test_behind_it() -> None:
    rows = [line for line in text("processes/README.md").splitlines() if re.match(r"\| [a-zA-Z]", line)]
    kinds = (
        "start event, conditional",
        "call activity",
        "multi-instance, sequential",
        "inclusive gateway",
        "transaction",
    )
    assert [kind for kind in kinds if not any(row.startswith(f"| {kind} |") for row in rows)] == []
    assert [row for row in rows if row.endswith("| – | – |")] == []
