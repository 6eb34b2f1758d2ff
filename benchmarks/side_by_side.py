"""This service beside Camunda 7.24.0, on the same PostgreSQL server, asked by the same client in turns.

Run with `make bench` or `python -m benchmarks.side_by_side [--only abcdefghij] [--pairs 5] [--seconds 5] [--tasks N]`.
Both keep history in full on a PostgreSQL with its own settings, and both start as their users start them: `mlc up`
(request log off, as Camunda has none) and a Spring Boot jar. After a warm-up, each scenario is measured on one side and
then on the other, as many times as there are pairs; the ratio (ours / Camunda's) is the median of the ratios pair by
pair. Writes `results/side_by_side.json` and `.png`. Needs `wrk`; without Maven and a JDK it prints our side only.

A number that misses its bar says so. Exits 1 then.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from benchmarks import side_by_side_diagrams
from benchmarks.side_by_side_chart import draw
from mlc_service.store import schema
from tests.servers import DebianPostgres, debian_postgres, free_port, fresh_database

RESULTS = Path(__file__).parent / "results"
LUA = Path(__file__).parent / "side_by_side_wrk"
PEER = Path(__file__).parent / "peer_camunda"
JAR = PEER / "target" / "peer-camunda.jar"
START = '{"variables":{"a":{"value":5,"type":"Integer"}}}'
ASKED = '{"variables":{"amount":{"value":444,"type":"Integer"},"country":{"value":"FR","type":"String"}}}'
_PATIENCE_SECONDS = 300.0


@dataclass
class Side:
    """One engine: how it is started, and the one that runs now."""

    name: str
    command: list[str]
    environment: dict[str, str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None
    http: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}/engine-rest", timeout=120.0)

    def start(self) -> float:
        """It answers; says after how many seconds it did."""
        began = time.perf_counter()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=os.environ | self.environment, stdout=log, stderr=log, start_new_session=True
            )
        while time.perf_counter() < began + _PATIENCE_SECONDS and self.process.poll() is None:
            try:
                if self.http.get("/engine").is_success:
                    return time.perf_counter() - began
            except httpx2.TransportError:
                time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def wrk(
        self, script: str, *given: str, connections: int, seconds: float, threads: int = 1, all_succeed: bool = True
    ) -> str:
        """What wrk says of it. Raises RuntimeError if an answer was no success."""
        command = [
            "wrk",
            f"-t{threads}",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "--latency",
            "-s",
            str(LUA / script),
        ]
        said = subprocess.run(
            [*command, f"http://127.0.0.1:{self.port}", "--", *given], capture_output=True, text=True, check=True
        ).stdout
        if all_succeed and "Non-2xx" in said:
            raise RuntimeError(f"{self.name}: {said}")
        return said

    def count(self, what: str, **query: Any) -> int:
        return int(self.http.get(f"/{what}/count", params=query).raise_for_status().json()["count"])

    def begin(self, key: str, count: int, body: str = "{}") -> int:
        """So many instances were started, on eight connections, or up to eight more; answers how many."""
        if count <= 0:
            return 0
        before = self.count("history/process-instance", processDefinitionKey=key)
        path = f"/engine-rest/process-definition/key/{key}/start"
        self.wrk("count.lua", "POST", path, body, str(count), connections=8, seconds=_PATIENCE_SECONDS)
        # what was on its way when the last answer came is done by now, or nearly
        time.sleep(0.1)
        return self.count("history/process-instance", processDefinitionKey=key) - before

    def until_none(self, key: str) -> None:
        """No instance of the key lives any more."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.count("process-instance", processDefinitionKey=key):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: instances of {key} do not end")
            time.sleep(0.02)

    def deploy(self, *names: str) -> None:
        files = side_by_side_diagrams.files()
        parts = [(name, (name, files[name].encode(), "text/xml")) for name in names or files]
        self.http.post(
            "/deployment/create", files=[("deployment-name", (None, "side by side")), *parts]
        ).raise_for_status()

    def resident_mib(self) -> float:
        """Memory of the process and its children; what they share counts once."""
        assert self.process is not None
        return sum(_proportional_kib(pid) for pid in _family(self.process.pid)) / 1024


def _family(pid: int) -> list[int]:
    children = [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]
    return [pid, *(found for child in children for found in _family(child))]


def _proportional_kib(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def per_second(said: str) -> float:
    """Requests a second, as wrk says."""
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])


@dataclass(frozen=True)
class Scenario:
    """`measure` answers a figure of a side, in `unit`; the ratio's bar is at least, or (`less`) at most, `bar`."""

    letter: str
    name: str
    unit: str
    bar: float
    measure: Callable[[Side], float]
    less: bool = False
    pairs: int | None = None

    def is_missed(self, ratio: float) -> bool:
        return ratio > self.bar if self.less else ratio < self.bar


def scenarios(seconds: float, tasks: int) -> list[Scenario]:
    start = "/engine-rest/process-definition/key/{}/start"

    def starts(connections: int) -> Callable[[Side], float]:
        return lambda side: per_second(
            side.wrk("post.lua", "POST", start.format("expressions"), START, connections=connections, seconds=seconds)
        )

    def drained(side: Side) -> float:
        began = time.perf_counter()
        count = side.begin("asynchronous", 2000)
        side.until_none("asynchronous")
        return count / (time.perf_counter() - began)

    def user_tasks(side: Side) -> float:
        said = side.wrk("user_task.lua", "/engine-rest", "user", connections=4, threads=4, seconds=seconds)
        return per_second(said) / 3

    def external_tasks(side: Side) -> float:
        side.begin("external", round(1000 * seconds) - side.count("external-task"))
        before = side.count("external-task")
        # Camunda answers a worker with 500 now and then whom another was quicker than
        side.wrk(
            "external_task.lua", "/engine-rest", "work", connections=4, seconds=seconds, threads=4, all_succeed=False
        )
        left = side.count("external-task")
        if not left:
            raise RuntimeError(f"{side.name} ran out of external tasks")
        return (before - left) / seconds

    def signalled(side: Side) -> float:
        count = side.begin("waiting", 5000)
        began = time.perf_counter()
        side.http.post("/signal", json={"name": "go"}).raise_for_status()
        answered = time.perf_counter() - began
        side.until_none("waiting")
        print(f"    {side.name}: answered after {answered:.2f} s", flush=True)
        return count / (time.perf_counter() - began)

    def fired(side: Side) -> float:
        due = datetime.now(UTC) + timedelta(seconds=75)
        text = due.strftime("%Y-%m-%dT%H:%M:%S")
        count = side.begin("timers", 5000, json.dumps({"variables": {"due": {"value": text, "type": "String"}}}))
        left = (due.replace(microsecond=0) - datetime.now(UTC)).total_seconds()
        if left < 0:
            raise RuntimeError(f"{side.name} did not start 5,000 instances in 75 s")
        time.sleep(left)
        began = time.perf_counter()
        side.until_none("timers")
        return count / (time.perf_counter() - began)

    def decided(side: Side) -> float:
        path = "/engine-rest/decision-definition/key/rules/evaluate"
        return per_second(side.wrk("post.lua", "POST", path, ASKED, connections=4, seconds=seconds))

    def listed(side: Side) -> float:
        side.begin("user", tasks - side.count("task"))
        asked = "/task?maxResults=50&sortBy=created&sortOrder=desc"
        side.http.get(asked).raise_for_status()
        times = []
        for _ in range(60):
            began = time.perf_counter()
            side.http.get(asked).raise_for_status()
            times.append((time.perf_counter() - began) * 1000)
        return statistics.median(times)

    def started(side: Side) -> float:
        side.stop()
        return side.start()

    def under_load(side: Side) -> float:
        side.wrk("post.lua", "POST", start.format("expressions"), START, connections=8, seconds=seconds)
        return side.resident_mib()

    return [
        *(
            Scenario("a", f"start that runs through, {count} connections", "per s", 5.0 if count == 1 else 3.0,
                     starts(count))
            for count in (1, 4, 8, 32)
        ),
        Scenario("b", "2,000 instances of five async tasks", "instances/s", 2.0, drained),
        Scenario("c", "start, query, complete a user task, 4 people", "per s", 2.0, user_tasks),
        Scenario("d", "external tasks, 4 workers", "per s", 2.0, external_tasks),
        Scenario("e", "a signal to 5,000: all ended", "instances/s", 2.0, signalled),
        Scenario("f", "5,000 timers due at once", "instances/s", 2.0, fired),
        Scenario("g", "a table of 50 rules, 4 connections", "per s", 2.0, decided),
        Scenario("h", f"50 of {tasks:,} tasks, median", "ms", 0.5, listed, less=True),
        Scenario("j", "memory under (a), 8 connections", "MiB", 0.33, under_load, less=True),
        Scenario("i", "start-up to first answer", "s", 0.4, started, less=True),
        Scenario("j", "memory idle", "MiB", 0.33, Side.resident_mib, less=True, pairs=1),
    ]  # fmt: skip


def build_peer() -> str | None:
    """Camunda's jar is there; otherwise says why not."""
    if JAR.exists():
        return None
    if shutil.which("mvn") is None:
        return "no Maven here"
    built = subprocess.run(["mvn", "-q", "-B", "package"], cwd=PEER, capture_output=True, text=True)
    return f"Maven could not build it: {built.stdout[-400:]}" if built.returncode else None


def our_side(folder: Path, database_url: str) -> Side:
    """This service, to be started on that database."""
    port = free_port()
    mlc = [str(Path(sys.executable).with_name("mlc")), "up", "--no-auth"]
    return Side(
        "ours",
        [*mlc, "--port", str(port), "--data", str(folder / "data")],
        {"MLC_DATABASE_URL": database_url, "MLC_LOG_LEVEL": "warning"},
        port,
        folder / "ours.log",
    )


@contextmanager
def sides(folder: Path, with_peer: bool) -> Iterator[list[Side]]:
    """Both, running, each on a database of its own in one PostgreSQL server with its own settings."""
    binaries = debian_postgres()
    assert binaries is not None, "needs Debian's PostgreSQL (scripts/ensure_services.sh postgresql)"
    server = DebianPostgres(binaries, os.getpid(), is_stock=True)
    with ExitStack() as stack:
        stack.callback(server.stop)
        ours, theirs = (stack.enter_context(fresh_database(server.url)) for _ in range(2))
        schema.upgrade(ours)
        found = [our_side(folder, ours)]
        if with_peer:
            port = free_port()
            given = {
                "server.port": port,
                "spring.datasource.url": f"jdbc:{theirs.replace('postgres@', '')}",
                "spring.datasource.username": "postgres",
                "camunda.bpm.history-level": "full",
                "camunda.bpm.generic-properties.properties.enforceHistoryTimeToLive": "false",
                "camunda.bpm.authorization.enabled": "false",
            }
            command = ["java", "-jar", str(JAR), *(f"--{name}={value}" for name, value in given.items())]
            found.append(Side("Camunda", command, {}, port, folder / "camunda.log"))
        for side in found:
            print(f"{side.name} on an empty database: {side.start():.1f} s", flush=True)
            stack.callback(side.stop)
            side.deploy()
        yield found


def warm_up(found: Sequence[Side], seconds: float) -> None:
    """Each has reached its full speed."""
    path = "/engine-rest/process-definition/key/expressions/start"
    for side in found:
        for connections in (4, 8):
            side.wrk("post.lua", "POST", path, START, connections=connections, seconds=seconds)
        side.wrk("user_task.lua", "/engine-rest", "user", connections=4, threads=4, seconds=seconds / 2)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", default="abcdefghij")
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=5.0)
    arguments.add_argument("--warm-up", type=float, default=30.0)
    arguments.add_argument("--tasks", type=int, default=100_000)
    given = arguments.parse_args()
    if shutil.which("wrk") is None:
        print("needs wrk (scripts/ensure_services.sh wrk)", file=sys.stderr)
        return 2
    absent = build_peer()
    if absent:
        print(f"our side only: {absent}")
    report: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="mlc-bench-") as folder, sides(Path(folder), absent is None) as found:
        warm_up(found, given.warm_up)
        for scenario in scenarios(given.seconds, given.tasks):
            if scenario.letter not in given.only:
                continue
            print(f"({scenario.letter}) {scenario.name}", flush=True)
            figures: dict[str, list[float]] = {side.name: [] for side in found}
            for _ in range(scenario.pairs or given.pairs):
                for side in found:
                    figures[side.name].append(scenario.measure(side))
            report.append(_line(scenario, figures))
    RESULTS.mkdir(exist_ok=True)
    facts = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version(),
             "cores": os.cpu_count(), "lines": report}  # fmt: skip
    (RESULTS / "side_by_side.json").write_text(json.dumps(facts, indent=2) + "\n")
    draw(RESULTS / "side_by_side.png", report)
    return int(any(line["missed"] for line in report))


def _line(scenario: Scenario, figures: dict[str, list[float]]) -> dict[str, Any]:
    medians = {name: statistics.median(values) for name, values in figures.items()}
    ratios = [one / other for one, other in zip(figures["ours"], figures.get("Camunda", ()), strict=False)]
    ratio = statistics.median(ratios) if ratios else None
    missed = ratio is not None and scenario.is_missed(ratio)
    said = "  ".join(f"{name} {value:,.1f} {scenario.unit}" for name, value in medians.items())
    if ratio is not None:
        each = ", ".join(f"{one:.2f}" for one in ratios)
        bar = f"at {'most' if scenario.less else 'least'} {scenario.bar}"
        said += f"  ratio {ratio:.2f} ({each}); {bar}{': MISSED' if missed else ''}"
    print(f"    {said}", flush=True)
    return {
        "scenario": f"({scenario.letter}) {scenario.name}",
        "unit": scenario.unit,
        "medians": medians,
        "figures": figures,
        "ratio": ratio,
        "bar": scenario.bar,
        "less_is_better": scenario.less,
        "missed": missed,
    }


if __name__ == "__main__":
    sys.exit(main())
