"""What the demo asks of the service: plain HTTP, as any client would."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")
CAMUNDA = "/mlc-service/rest"
MODELS = "/model-manage/api"


class StepFailed(Exception):
    """A step of the story did not happen; the message says which and why."""


class Client:
    """A logged-in client of one service."""

    def __init__(self, address: str) -> None:
        self._http = httpx2.Client(base_url=address, timeout=60.0)

    def close(self) -> None:
        self._http.close()

    def log_in(self, user_id: str, password: str) -> None:
        """Every further request carries a bearer token."""
        answer = self._http.post("/gocli/token", data={"username": user_id, "password": password})
        token = self._good("log in", answer)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> Any:
        return self._good(f"GET {path}", self._http.get(path, params=query))

    def post(self, path: str, body: Any) -> Any:
        return self._good(f"POST {path}", self._http.post(path, json=body))

    def deploy(self, file: Path) -> dict[str, Any]:
        """The file is deployed as Camunda Modeler would do it."""
        parts: list[tuple[str, Any]] = [
            ("deployment-name", (None, file.stem)),
            ("deployment-source", (None, "mlc demo")),
            (file.name, (file.name, file.read_bytes(), "text/xml")),
        ]
        answer = self._http.post(f"{CAMUNDA}/deployment/create", files=parts)
        return dict(self._good(f"deploy {file.name}", answer))

    def until(self, what: str, look: Callable[[], T | None], seconds: float) -> T:
        """The first answer of `look` that is not None. Raises StepFailed after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found is not None:
                return found
            if time.monotonic() > deadline:
                raise StepFailed(f"{what}: nothing came within {seconds:.0f} s")
            time.sleep(0.15)

    @staticmethod
    def _good(what: str, answer: httpx2.Response) -> Any:
        if not answer.is_success:
            raise StepFailed(f"{what}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None
