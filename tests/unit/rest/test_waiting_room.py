"""Requests that wait: who is called, who is served first, and that nobody waits in vain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from threading import current_thread, main_thread

import anyio
import pytest

from mlc_service.rest.camunda.waiting_room import Attempt, RoomFull, WaitingRoom

# so long that a test which has to wait for it fails for being slow
LONG = 600.0


class Shelf:
    """Things to be had: each attempt takes one, if there is one."""

    def __init__(self, *things: str) -> None:
        self.things = list(things)
        self.attempts = 0
        self.again_in_seconds: float | None = None

    def attempt(self) -> Attempt[str]:
        assert current_thread() is not main_thread()
        self.attempts += 1
        return Attempt(self.things.pop(0)) if self.things else Attempt(None, self.again_in_seconds)


def room(**options: float) -> WaitingRoom:
    return WaitingRoom(**{"look_again_seconds": LONG, **options})  # type: ignore[arg-type]


async def come_true(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not holds():
            await anyio.lowlevel.checkpoint()


def played(play: Callable[[WaitingRoom], Awaitable[None]], room: WaitingRoom) -> None:
    async def main() -> None:
        room.open()
        with anyio.fail_after(20):
            await play(room)

    anyio.run(main)


def test_what_is_there_is_given_at_once() -> None:
    async def play(room: WaitingRoom) -> None:
        assert await room.wait(["a"], LONG, Shelf("apple").attempt) == "apple"
        assert room.waiting == 0

    played(play, room())


def test_who_waits_is_called_from_another_thread_when_there_is_something() -> None:
    shelf = Shelf()
    got: list[str | None] = []

    async def play(room: WaitingRoom) -> None:
        async def wait() -> None:
            got.append(await room.wait(["a", "b"], LONG, shelf.attempt))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await come_true(lambda: shelf.attempts == 1)
            shelf.things.append("apple")
            await anyio.to_thread.run_sync(room.call, frozenset({"b", "c"}))

    played(play, room())
    assert got == ["apple"]
    assert shelf.attempts == 2


def test_a_call_while_somebody_looks_makes_him_look_again() -> None:
    """What is committed between the attempt's look and its end must not be missed."""

    async def play(room: WaitingRoom) -> None:
        things: list[str] = []
        attempts: list[int] = []

        def attempt() -> Attempt[str]:
            attempts.append(1)
            if things:
                return Attempt(things.pop())
            # it has looked, and finds nothing: now something comes
            things.append("apple")
            room.call(frozenset({"a"}))
            return Attempt()

        assert await room.wait(["a"], LONG, attempt) == "apple"
        assert len(attempts) == 2

    played(play, room())


def test_who_waits_for_something_else_is_not_called() -> None:
    for_a, for_b = Shelf(), Shelf()

    async def play(room: WaitingRoom) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(room.wait, ["a"], LONG, for_a.attempt)
            group.start_soon(room.wait, ["b"], LONG, for_b.attempt)
            await come_true(lambda: (for_a.attempts, for_b.attempts) == (1, 1))
            for_b.things.append("bread")
            room.call(frozenset({"b"}))
            await come_true(lambda: room.waiting == 1)
            assert for_a.attempts == 1
            group.cancel_scope.cancel()

    played(play, room())


def test_nothing_is_answered_when_the_time_is_over() -> None:
    async def play(room: WaitingRoom) -> None:
        assert await room.wait(["a"], 0.001, Shelf().attempt) is None
        assert room.waiting == 0

    played(play, room())


def test_everybody_looks_again_by_himself_after_a_while_or_when_something_becomes_free() -> None:
    def play_with(again_in_seconds: float | None) -> Callable[[WaitingRoom], Awaitable[None]]:
        async def play(room: WaitingRoom) -> None:
            shelf = Shelf()
            shelf.again_in_seconds = again_in_seconds

            def attempt() -> Attempt[str]:
                if shelf.attempts == 1:
                    shelf.things.append("apple")
                return shelf.attempt()

            assert await room.wait(["a"], LONG, attempt) == "apple"

        return play

    played(play_with(None), room(look_again_seconds=0.001))
    played(play_with(0.001), room())


def test_a_closed_room_lets_everybody_go_and_keeps_nobody() -> None:
    got: list[str | None] = []

    async def play(room: WaitingRoom) -> None:
        shelf = Shelf()

        async def wait() -> None:
            got.append(await room.wait(["a"], LONG, shelf.attempt))

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
            await come_true(lambda: shelf.attempts == 3)
            room.close()
        got.append(await room.wait(["a"], LONG, shelf.attempt))

    played(play, room())
    assert got == [None] * 4


def test_a_full_room_refuses_one_more() -> None:
    async def play(room: WaitingRoom) -> None:
        shelf = Shelf()
        async with anyio.create_task_group() as group:
            group.start_soon(room.wait, ["a"], LONG, shelf.attempt)
            await come_true(lambda: room.waiting == 1)
            with pytest.raises(RoomFull):
                await room.wait(["a"], LONG, shelf.attempt)
            group.cancel_scope.cancel()
        assert room.waiting == 0

    played(play, room(most=1))


def test_calling_into_a_room_whose_loop_has_ended_does_nothing() -> None:
    left = room()

    async def play(room: WaitingRoom) -> None:
        assert await room.wait(["a"], 0.001, Shelf().attempt) is None

    played(play, left)
    left.call(frozenset({"a"}))
