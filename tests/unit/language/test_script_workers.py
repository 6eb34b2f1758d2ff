"""Pools of worker processes: shared by threads, whole after every failure, gone after close, new after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlc_service.language.errors import ScriptError
from mlc_service.language.script_workers import (
    NoWorker,
    Worker,
    WorkerEnded,
    WorkerFailed,
    WorkerLate,
    WorkerLimits,
    WorkerPool,
)
from mlc_service.language.scripts import GroovySettings, ScriptRunner

ECHO = """
import sys, time, threading
print('{"ready": true}', flush=True)
for line in sys.stdin:
    word = line.strip()
    if word == 'end': sys.exit(7)
    if word == 'hang': time.sleep(600)
    if word == 'threads':
        for _ in range(50): threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        time.sleep(600)
    if word == 'memory':
        kept = b'x' * (200 << 20)
        time.sleep(600)
    print(word[:10], len(word), flush=True)
"""


def start_echo(program: str = ECHO, limits: WorkerLimits | None = None) -> Worker:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    return Worker(process, limits or WorkerLimits(), 30.0)


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(start_echo, 2)
    yield pool
    pool.close()


def ask(pool: WorkerPool, word: str, seconds: float = 10.0) -> str:
    with pool.lease() as lease:
        return lease.worker.ask(word.encode(), seconds).decode()


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nothing_is_started_before_the_first_line_and_a_spare_after_it(pool: WorkerPool) -> None:
    assert pool.processes == []
    assert ask(pool, "a") == "a 1"
    wait_until(lambda: len(pool.processes) == 2)


def test_a_line_much_longer_than_a_pipe_is_answered(pool: WorkerPool) -> None:
    assert ask(pool, "x" * 3_000_000) == "xxxxxxxxxx 3000000"


def test_a_worker_that_ends_is_replaced(pool: WorkerPool) -> None:
    with pytest.raises(WorkerEnded) as caught:
        ask(pool, "end")
    assert caught.value.status == 7
    assert ask(pool, "a") == "a 1"


def test_a_late_worker_is_ended_and_replaced(pool: WorkerPool) -> None:
    ask(pool, "a")
    wait_until(lambda: len(pool.processes) == 2)
    before = pool.processes
    with pytest.raises(WorkerLate, match=r"ran longer than 0\.2 s"):
        ask(pool, "hang", 0.2)
    assert sum(is_running(process) for process in before) == 1
    assert ask(pool, "a") == "a 1"
    wait_until(lambda: len(pool.processes) == 2)


@pytest.mark.parametrize(("word", "message"), [("threads", "too many threads"), ("memory", "too much memory")])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="watched in /proc")
def test_a_worker_that_grows_is_stopped_long_before_its_deadline(word: str, message: str) -> None:
    limits = WorkerLimits(resident_bytes=150 << 20, threads=20)
    pool = WorkerPool(lambda: start_echo(limits=limits), 1)
    began = time.monotonic()
    with pytest.raises(WorkerFailed, match=message):
        ask(pool, word, 60.0)
    assert time.monotonic() - began < 20
    assert ask(pool, "a") == "a 1"
    pool.close()


def test_a_worker_that_cannot_start_says_why() -> None:
    pool = WorkerPool(lambda: start_echo("print('no such thing')"), 2)
    for _ in range(3):
        with pytest.raises(NoWorker, match="did not start: no such thing"):
            ask(pool, "a")
    pool.close()
    assert pool.processes == []


def test_more_threads_than_workers_take_turns(pool: WorkerPool) -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(ask(pool, "a" * n) for n in range(1, 30))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 * 29
    assert len(pool.processes) <= 2


def test_a_thread_that_waits_too_long_for_a_worker_is_told() -> None:
    pool = WorkerPool(start_echo, 1, wait_seconds=0.1)
    with pool.lease(), pytest.raises(NoWorker, match="all 1 script workers were busy"):
        ask(pool, "a")
    pool.close()


def test_a_spent_worker_serves_nobody_else(pool: WorkerPool) -> None:
    with pool.lease() as lease:
        first = lease.worker.id
        lease.spend()
    assert not is_running(first)
    with pool.lease() as lease:
        assert lease.worker.id != first


def test_close_leaves_no_process_and_a_later_line_starts_new_ones(pool: WorkerPool) -> None:
    ask(pool, "a")
    wait_until(lambda: len(pool.processes) == 2)
    before = pool.processes
    pool.close()
    assert not any(map(is_running, before))
    assert ask(pool, "a") == "a 1"


def test_a_worker_that_says_more_than_its_answer_is_not_trusted_again(pool: WorkerPool) -> None:
    program = ECHO.replace("print(word[:10], len(word), flush=True)", "print('one\\ntwo', flush=True)")
    chatty = WorkerPool(lambda: start_echo(program), 1)
    for _ in range(2):
        with pytest.raises(WorkerFailed, match="wrote into the service's pipe"):
            ask(chatty, "a")
    chatty.close()


def test_closing_under_a_running_script_ends_it(pool: WorkerPool) -> None:
    ended: list[WorkerFailed] = []

    def run() -> None:
        try:
            ask(pool, "hang", 60.0)
        except WorkerFailed as failed:
            ended.append(failed)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: len(pool.processes) == 2)
    processes = pool.processes
    pool.close()
    thread.join()
    assert len(ended) == 1
    assert not any(map(is_running, processes))


def test_groovy_and_full_python_survive_many_threads_with_bad_neighbours(groovy_folder: Path) -> None:
    runner = ScriptRunner(groovy=GroovySettings(folder=groovy_folder), full_python=True)
    runner.run("groovy", "1", {})
    answers: list[Any] = []

    def work(start: int) -> None:
        for number in range(start, start + 10):
            for language in ("groovy", "python-full"):
                answers.append(runner.run(language, "n + 1", {"n": number}, deadline_seconds=30).result - number)

    def harm() -> None:
        for language, source in (("groovy", "System.exit(0)"), ("python-full", "import os\nos._exit(1)")):
            with pytest.raises(ScriptError):
                runner.run(language, source, {})

    threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(4)]
    threads += [threading.Thread(target=harm) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    processes = runner.processes
    runner.close()
    assert answers == [1] * 80
    assert processes
    assert not any(map(is_running, processes))


def test_a_forked_child_starts_its_own_jvm(groovy_folder: Path) -> None:
    program = f"""
import os
from pathlib import Path
from mlc_service.language.scripts import GroovySettings, ScriptRunner
runner = ScriptRunner(groovy=GroovySettings(folder=Path({str(groovy_folder)!r})), workers=1)
source = "n + ' ' + ProcessHandle.current().pid()"
here = runner.run("groovy", source, {{"n": "a"}}).result
child = os.fork()
if child == 0:
    assert runner.run("groovy", source, {{"n": "a"}}).result != here
    runner.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert runner.run("groovy", source, {{"n": "a"}}).result == here
runner.close()
print("fine")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert done.stdout == "fine\n", done.stderr


def test_workers_end_with_the_process_that_started_them(groovy_folder: Path) -> None:
    program = f"""
import os
from pathlib import Path
from mlc_service.language.scripts import GroovySettings, ScriptRunner
runner = ScriptRunner(groovy=GroovySettings(folder=Path({str(groovy_folder)!r})), full_python=True)
runner.run("groovy", "1", {{}})
runner.run("python-full", "1", {{}})
print(*runner.processes, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    processes = [int(each) for each in done.stdout.split()]
    assert len(processes) >= 2, done.stderr
    wait_until(lambda: not any(map(is_running, processes)))
