"""Routes are found by their segments, and requests handed to threads."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from mlc_service.rest.camunda.call import Route
from mlc_service.rest.camunda.lookup import Lookup
from mlc_service.rest.crew import Crew


@pytest.fixture
def lookup() -> Lookup:
    lookup = Lookup()
    for method, path in (
        ("GET", "/task"), ("GET", "/task/{id}"), ("GET", "/task/count"), ("POST", "/task/{id}/claim"),
        ("GET", "/task/{task}/variables/{name}"), ("GET", "/file/{rest:path}"),
    ):  # fmt: skip
        lookup.add(path, Route(method, path, lambda _: None, "Test", "A route"))
    return lookup


def asked(lookup: Lookup, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    found = lookup.find(method, path)
    return None if found is None else (found[0].path, found[1])


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("GET", "/task", ("/task", {})),
        ("GET", "/task/count", ("/task/count", {})),
        ("GET", "/task/7", ("/task/{id}", {"id": "7"})),
        ("POST", "/task/count/claim", ("/task/{id}/claim", {"id": "count"})),
        ("GET", "/task/7/variables/a b", ("/task/{task}/variables/{name}", {"task": "7", "name": "a b"})),
    ],
)
def test_the_route_that_fits_is_found(
    lookup: Lookup, method: str, path: str, wanted: tuple[str, dict[str, str]]
) -> None:
    assert asked(lookup, method, path) == wanted


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/task"), ("GET", "/"), ("GET", "/task/"), ("GET", "/task/7/8"), ("GET", "/file/a/b"), ("GET", "task")],
)
def test_what_does_not_fit_is_left_to_others(lookup: Lookup, method: str, path: str) -> None:
    assert asked(lookup, method, path) is None


def test_a_crew_answers_and_raises_in_the_callers_place() -> None:
    async def ask() -> None:
        crew = Crew(2)
        assert await crew.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await crew.run(divmod, 7, 0)

    asyncio.run(ask())


def test_a_crew_has_so_many_threads_and_no_more() -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def work() -> str:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return threading.current_thread().name

    async def ask() -> list[str]:
        crew = Crew(3)
        return await asyncio.gather(*(crew.run(work) for _ in range(12)))

    names = asyncio.run(ask())
    assert most == len(set(names)) == 3


def test_while_all_threads_wait_for_something_others_come() -> None:
    goes_on = threading.Event()

    async def ask() -> None:
        crew = Crew(9)
        waiting = [asyncio.create_task(crew.run(goes_on.wait, 10)) for _ in range(8)]
        assert await asyncio.wait_for(crew.run(divmod, 7, 2), 5) == (3, 1)
        assert not any(one.done() for one in waiting)
        goes_on.set()
        assert await asyncio.gather(*waiting) == [True] * 8

    asyncio.run(ask())


def test_who_is_cancelled_leaves_the_thread_to_the_next() -> None:
    began, goes_on = threading.Event(), threading.Event()

    def work() -> bool:
        began.set()
        return goes_on.wait(5)

    async def ask() -> None:
        crew = Crew(1)
        asked = asyncio.create_task(crew.run(work))
        while not began.is_set():
            await asyncio.sleep(0.01)
        asked.cancel()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await crew.run(divmod, 7, 2) == (3, 1)

    asyncio.run(ask())
