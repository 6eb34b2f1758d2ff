"""Cleaning history where there is a window for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from mlc_service.language.scripts import ScriptRunner
from mlc_service.process.retention import CleanupWindow, RetentionRules, parse_time_of_day
from mlc_service.process.surroundings import Surroundings
from tests.unit.rest.conftest import REST

TONIGHT, IN_THE_MORNING = "2026-03-02T22:00:00.000+0000", "2026-03-03T05:00:00.000+0000"


@pytest.fixture
def client(make_client: Callable[..., TestClient], clock: Any) -> TestClient:
    """History is cleaned from 22:00 to 5:00."""
    window = CleanupWindow(parse_time_of_day("22:00"), parse_time_of_day("05:00"))
    return make_client(process=Surroundings(clock, ScriptRunner(), frozenset(), retention=RetentionRules(window)))


def test_the_window_is_shown_with_its_dates(client: TestClient) -> None:
    assert client.get(f"{REST}/history/cleanup/configuration").json() == {
        "batchWindowStartTime": TONIGHT,
        "batchWindowEndTime": IN_THE_MORNING,
        "enabled": True,
    }


def test_what_need_not_be_done_at_once_is_due_in_the_window(client: TestClient) -> None:
    answer = client.post(f"{REST}/history/cleanup?immediatelyDue=false")
    assert (answer.json()["dueDate"], answer.json()["suspended"]) == (TONIGHT, False)


def test_what_is_asked_for_at_once_does_not_wait_for_the_window(client: TestClient) -> None:
    assert client.post(f"{REST}/history/cleanup").json()["dueDate"] == "2026-03-02T09:30:00.000+0000"
