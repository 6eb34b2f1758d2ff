"""Multipart forms as browsers, Camunda Modeler and Python clients send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlc_service.rest.camunda.multipart import Part, read_parts
from mlc_service.rest.errors import HttpProblem

TYPE = "multipart/form-data; boundary=b"


def form(*parts, end="--b--\r\n"):
    return b"".join(b"--b\r\n" + header + b"\r\n\r\n" + content + b"\r\n" for header, content in parts) + end.encode()


def test_fields_and_files_come_in_their_order():
    body = form(
        (b'Content-Disposition: form-data; name="deployment-name"', "Prüfung".encode()),
        (
            b'Content-Disposition: form-data; name="x.bpmn"; filename="x.bpmn"\r\nContent-Type: text/xml',
            b"<a>\r\n--</a>",
        ),
    )
    parts = read_parts(TYPE, body)
    assert parts == [Part("deployment-name", None, "Prüfung".encode()), Part("x.bpmn", "x.bpmn", b"<a>\r\n--</a>")]
    assert parts[0].text() == "Prüfung"


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('form-data; name="d"; filename="ü b.bpmn"', "ü b.bpmn"),
        ("form-data; name=\"d\"; filename*=utf-8''%C3%BC%20b.bpmn", "ü b.bpmn"),
        (r'form-data; name="d"; filename="C:\dir\b.bpmn"', "b.bpmn"),
        (r'form-data; name="d"; filename="a\"b.bpmn"', 'a"b.bpmn'),
        ('form-data; name="d"; filename=""', ""),
        ('form-data; name="d"; filename="de/acme/b.bpmn"', "de/acme/b.bpmn"),
    ],
)
def test_file_names_in_every_spelling(disposition, filename):
    body = form((f"Content-Disposition: {disposition}".encode(), b"x"))
    assert read_parts(TYPE, body) == [Part("d", filename, b"x")]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("", b"", 415),
        ("multipart/form-data", b"", 400),
        (TYPE, b"", 400),
        (TYPE, b"nonsense", 400),
        (TYPE, form((b'Content-Disposition: form-data; name="a"', b"x"), end=""), 400),
        (TYPE, form((b"Content-Disposition: form-data", b"x")), 400),
        (TYPE, form((b"Content-Type: text/plain", b"x")), 400),
        (TYPE, form((b'Content-Disposition: form-data; name="\xff"', b"x")), 400),
        (TYPE, form((b"Content-Disposition: form-data; name=d; filename*=utf-8''%00.bpmn", b"x")), 400),
        (TYPE, form((b'Content-Disposition: form-data; name="' + b"a" * 20000 + b'"', b"x")), 400),
        (TYPE, form(*[(b'Content-Disposition: form-data; name="a"', b"x")] * 1001), 400),
    ],
)
def test_what_is_no_form_is_told(content_type, body, status):
    with pytest.raises(HttpProblem) as refused:
        read_parts(content_type, body)
    assert refused.value.status == status


def outcome(content_type, body):
    try:
        return read_parts(content_type, body)
    except HttpProblem as problem:
        return problem


@given(st.binary(max_size=300), st.text(max_size=40))
def test_junk_is_refused_and_nothing_else(junk, boundary):
    for body in (
        junk,
        b"--b\r\n" + junk,
        b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + junk + b"\r\n--b--",
    ):
        for content_type in (TYPE, f"multipart/form-data; boundary={boundary}"):
            found = outcome(content_type, body)
            assert isinstance(found, list) or found.status in (400, 415)
