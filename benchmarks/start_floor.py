"""What does a start cost, layer by layer, and below what can Python, PostgreSQL and HTTP not go here?

Run with `make bench` or `python -m benchmarks.start_floor [--seconds N] [--rounds N]`. One connection starts instances
that run through three expressions and a gateway to their end, on a PostgreSQL with its own settings that waits for the
disk. The layers take turns in one run; of each, the median of the rounds counts:

    http      uvicorn with an application that does nothing but answer as much as a start does
    engine    the engine alone, in memory
    write     the very statement of a start, its rows ready, sent by the driver and committed
    command   `start_instance` in a transaction, without HTTP
    request   a start over HTTP

The floor is http + engine + write: what remains if reading the request, checking who asks, turning effects into rows
and rows into JSON cost nothing. Writes `results/start_floor.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import uvicorn

from benchmarks import side_by_side_diagrams
from benchmarks.side_by_side import RESULTS, START, Side, our_side, per_second
from mlc_service.clock import SystemClock
from mlc_service.delegate_api import DelegateRegistry
from mlc_service.engine import Execution, parse_bpmn
from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.deployments import Deploy, deploy
from mlc_service.process.host import UnitHost
from mlc_service.process.instances import StartInstance, start_instance
from mlc_service.process.parsed import AnyDelegate
from mlc_service.process.surroundings import Surroundings
from mlc_service.store import schema
from mlc_service.store.transaction import Transaction
from mlc_service.store.units import Units
from tests.servers import DebianPostgres, debian_postgres, free_port, fresh_database

KEY = "expressions"
PATH = f"/engine-rest/process-definition/key/{KEY}/start"
COMMAND = StartInstance(definition_key=KEY, variables={"a": 5})
# as long as the answer to a start
ANSWER = b'{"' + b"x" * 420 + b'":1}'


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that reads the request and answers."""
    if scope["type"] == "http":
        await receive()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": ANSWER})


def over_http(side: Side, seconds: float) -> float:
    """Microseconds a request."""
    return 1e6 / per_second(side.wrk("post.lua", "POST", PATH, START, connections=1, seconds=seconds))


def repeated(call: Callable[[], object], seconds: float) -> float:
    """Microseconds a call."""
    calls, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        call()
        calls += 1
    return (time.perf_counter() - began) / calls * 1e6


def engine_alone(units: Units, around: Surroundings) -> Callable[[], object]:
    content = side_by_side_diagrams.files()[f"{KEY}.bpmn"].encode()
    [definition] = parse_bpmn(content, f"{KEY}.bpmn", AnyDelegate())
    now = datetime.now(UTC)
    with units.begin_read() as unit:
        row = unit.definitions.latest(KEY)
    assert row is not None
    host, id = UnitHost(unit, around, row), row.id

    def start() -> None:
        execution = Execution.start(
            definition, host, instance_id=str(uuid4()), now=now, variables=COMMAND.variables, definition_id=id
        )
        assert execution.is_ended

    return start


def written_again(units: Units, around: Surroundings) -> Callable[[], object]:
    """The statement of a start, sent by the driver with other ids each time."""
    sent: list[tuple[str, tuple[Any, ...]]] = []
    run = Transaction._run

    def noted(self: Transaction, sql: str, given: Any = None) -> Any:
        sent.append((sql, given))
        return run(self, sql, given)

    units.run(lambda unit: start_instance(unit, around, COMMAND))
    Transaction._run = noted  # type: ignore[method-assign]
    try:
        started = units.run(lambda unit: start_instance(unit, around, COMMAND))
    finally:
        Transaction._run = run  # type: ignore[method-assign]
    [(sql, given)] = sent
    # what all ids of an instance begin with
    beginning = started.id[:23]
    connection = psycopg.connect(units.database_url, autocommit=True)
    cursor = connection.cursor()

    def write() -> None:
        fresh = str(uuid4())[:23]
        with_fresh_ids = tuple(one.replace(beginning, fresh) if isinstance(one, str) else one for one in given)
        cursor.execute(sql, with_fresh_ids, prepare=True)

    texts = [one for one in given if isinstance(one, str) and one.startswith("[")]
    rows = sum(len(json.loads(text)) for text in texts)
    print(f"a start is one statement that writes {rows} rows, {sum(map(len, texts)):,} bytes of JSON")
    return write


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=2.0)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    binaries = debian_postgres()
    assert binaries is not None, "needs Debian's PostgreSQL (scripts/ensure_services.sh postgresql)"
    postgres = DebianPostgres(binaries, os.getpid(), is_stock=True)
    with ExitStack() as stack:
        stack.callback(postgres.stop)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlc-floor-")))
        url = stack.enter_context(fresh_database(postgres.url))
        schema.upgrade(url)
        units = Units(url)
        stack.callback(units.close)
        around = Surroundings(SystemClock(), ScriptRunner(), DelegateRegistry({}))
        content = side_by_side_diagrams.files()[f"{KEY}.bpmn"].encode()
        units.run(lambda unit: deploy(unit, around, Deploy([(f"{KEY}.bpmn", content)])))
        port = free_port()
        serve = [sys.executable, "-m", "benchmarks.start_floor", "--serve", str(port)]
        bare, ours = Side("http", serve, {}, port, folder / "http.log"), our_side(folder, url)
        for side in (bare, ours):
            side.start()
            stack.callback(side.stop)
        layers: dict[str, Callable[[float], float]] = {
            "http": lambda seconds: over_http(bare, seconds),
            "engine": _timed(engine_alone(units, around)),
            "write": _timed(written_again(units, around)),
            "command": _timed(lambda: units.run(lambda unit: start_instance(unit, around, COMMAND))),
            "request": lambda seconds: over_http(ours, seconds),
        }
        for measure in layers.values():
            measure(1.0)
        figures: dict[str, list[float]] = {name: [] for name in layers}
        for _ in range(given.rounds):
            for name, measure in layers.items():
                figures[name].append(measure(given.seconds))
    medians = {name: statistics.median(values) for name, values in figures.items()}
    floors = [sum(one) for one in zip(figures["http"], figures["engine"], figures["write"], strict=True)]
    over = statistics.median(request / floor for request, floor in zip(figures["request"], floors, strict=True))
    for name, microseconds in medians.items():
        print(f"{name:8} {microseconds:8,.0f} us  {1e6 / microseconds:8,.0f} per s")
    print(f"floor    {statistics.median(floors):8,.0f} us  {1e6 / statistics.median(floors):8,.0f} per s")
    print(f"a request takes {over:.2f} times the floor")
    RESULTS.mkdir(exist_ok=True)
    report = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "microseconds": figures, "times_the_floor": over}
    (RESULTS / "start_floor.json").write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _timed(call: Callable[[], object]) -> Callable[[float], float]:
    return lambda seconds: repeated(call, seconds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        uvicorn.run(nothing, port=int(sys.argv[2]), log_config=None, access_log=False, lifespan="off")
        sys.exit(0)
    sys.exit(main())
