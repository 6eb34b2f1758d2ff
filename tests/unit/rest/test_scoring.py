"""Online scoring over HTTP."""

from __future__ import annotations

import pytest

from mlc_service.lifecycle.errors import ScoringRefused

PATH = "/local-runtime/api/roundtrip/0/1"


def test_one_record_in_one_answer_out(make_client):
    client = make_client(score=lambda engine, record: {"engine": engine, "got": record, "big": 2**70})
    answer = client.post(PATH, json={"amount": 5})
    assert answer.json() == {"engine": "local-runtime", "got": {"amount": 5}, "big": 2**70}


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_refusal_is_plain_text_with_its_status(make_client, status):
    def refuse(engine, record):
        raise ScoringRefused("An error has occurred: input record rejected by schema", status)

    answer = make_client(score=refuse).post(PATH, json={})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "An error has occurred: input record rejected by schema"


@pytest.mark.parametrize("body", [b"", b"{", b'"\\u0000"'])
def test_what_is_no_record_is_not_scored(make_client, body):
    client = make_client(score=lambda engine, record: pytest.fail("was scored"))
    assert client.post(PATH, content=body).status_code == 400


def test_without_a_runtime_there_is_no_such_path(client):
    assert client.post(PATH, json={}).status_code == 404
