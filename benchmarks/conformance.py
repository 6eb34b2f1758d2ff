"""Camunda's own engine tests, as replay cases verified on a real Camunda 7.24 (`make conformance`).

The kit's runner plays every case over REST against a service started for it, with the job executor on and off.

    python -m benchmarks.conformance [--kit ../shared/conformance/camunda7] [--only 'event-*'] [--executor on|off]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service import ROOT, running_service
from mlc_service.language.groovy_install import InstallFailed, install

KIT = ROOT.parent / "shared" / "conformance" / "camunda7"
EXECUTORS = ("on", "off")
_GROOVY = ROOT / ".mlc" / "groovy-for-conformance"


@dataclass(frozen=True, slots=True)
class Report:
    """What the runner found: its table as text, each case that did not pass with its reason, how many there are."""

    table: str
    failures: list[str]
    passed: int
    skipped: int
    cases: int


def play(kit: Path, executor: str, groovy: Path | None, only: list[str] | None = None) -> Report:
    """Every case of the kit against a fresh service; without `groovy` the cases that need it are left out."""
    settings = {} if groovy is None else {"MLC_GROOVY_HOME": str(groovy)}
    with tempfile.TemporaryDirectory() as folder, running_service("--jobs", executor, settings=settings) as base:
        report = Path(folder, "report.json")
        command = [sys.executable, kit / "run_cases.py", "--base", base, "--repo", kit / "resources"]
        command += ["--cases", kit / "*.json", "--executor", executor, "--json", report]
        command += [] if groovy else ["--skip-need", "groovy"]
        for pattern in only or ():
            command += ["--only", pattern]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if not report.is_file():
            raise RuntimeError(f"the runner did not finish:\n{done.stdout}{done.stderr}")
        found = json.loads(report.read_text())
    cases = found["cases"]
    failures = [f"{one['id']}: step {one['step']}: {one['why']}" for one in cases if one["status"] not in _FINE]
    totals = found["totals"]
    return Report(done.stdout, failures, totals.get("pass", 0), totals.get("skip", 0), len(cases))


_FINE = ("pass", "skip")


def groovy_home() -> Path | None:
    """Groovy for the cases that need it, installed once; None where it cannot be had."""
    _GROOVY.mkdir(parents=True, exist_ok=True)
    try:
        installed = install(_GROOVY)
    except InstallFailed as failure:
        print(f"no Groovy ({failure}): cases that need it are left out", file=sys.stderr)
        return None
    return None if installed.problem else _GROOVY


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kit", type=Path, default=KIT)
    arguments.add_argument("--only", action="append", default=[])
    arguments.add_argument("--executor", choices=EXECUTORS)
    given = arguments.parse_args()
    if not (given.kit / "run_cases.py").is_file():
        print(f"the replay cases are not here: {given.kit}", file=sys.stderr)
        return 2
    groovy = groovy_home()
    failed = 0
    for executor in [given.executor] if given.executor else EXECUTORS:
        report = play(given.kit, executor, groovy, given.only)
        print(f"job executor {executor}\n{report.table}")
        failed += len(report.failures)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
