"""The http-connector against servers on this machine, friendly and otherwise."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from delegates import http_calls
from delegates.http_calls import METHODS, Call, NoAnswer, send
from delegates.http_connector import ErrorAnswer
from mlc_service.delegate_api import DelegateRegistry, MissingVariable

Run = Callable[..., dict[str, Any]]


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A server that answers every path with what `answers` holds for it, and remembers what it was asked."""

    address: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)


@contextmanager
def serving(secure: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            server.seen.append(Seen(self.command, self.path, dict(self.headers.items()), body))
            status, headers, text = server.answers.get(self.path, (200, {}, b"ok"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    for method in METHODS:
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        if secure is not None:
            listening.socket = secure.wrap_socket(listening.socket, server_side=True)
        server.address = f"http{'' if secure is None else 's'}://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        listening.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture
def other() -> Iterator[Server]:
    with serving() as one:
        yield one


@contextmanager
def raw(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says what `speak` says to its first caller; the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection:
                try:
                    speak(connection)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


@pytest.fixture
def connector(call: Callable[..., dict[str, Any]]) -> Run:
    """Runs the delegate with these input parameters; a mapping's `request_config` is its request-config."""

    def run(**inputs: Any) -> dict[str, Any]:
        if "request_config" in inputs:
            inputs["request-config"] = inputs.pop("request_config")
        return call("http-connector", **inputs)

    return run


def test_a_call_sends_what_the_diagram_says_and_writes_the_answer(connector: Run, server: Server) -> None:
    server.answers["/orders?a=b%20c"] = (
        201,
        {"X-Order": "7", "Content-Type": "text/plain; charset=utf-8"},
        "fünf".encode(),
    )
    written = connector(
        url=f" {server.address}/orders?a=b%20c ", method="post", headers={"X-Key": "ü", "X-Number": 5}, payload='{"a": "ö"}'
    )  # fmt: skip
    assert (written["statusCode"], written["response"]) == (201, "fünf")
    assert written["headers"]["X-Order"] == "7"
    [seen] = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/orders?a=b%20c", '{"a": "ö"}'.encode())
    assert seen.headers["X-Key"].encode("latin-1").decode() == "ü"
    assert seen.headers["X-Number"] == "5"
    assert "Content-Type" not in seen.headers


def test_the_client_names_itself_unless_the_diagram_does(connector: Run, server: Server) -> None:
    connector(url=server.address, method="GET")
    connector(url=server.address, method="GET", headers={"user-agent": "mine"})
    agents = [[value for name, value in seen.headers.items() if name.lower() == "user-agent"] for seen in server.seen]
    assert agents == [["MLC-Service"], ["mine"]]


def test_a_diagram_names_it_by_its_connector_id(registry: DelegateRegistry) -> None:
    assert "http-connector" in registry
    assert registry.find("http-connector").writes == ("statusCode", "response", "headers")


def test_each_try_sends_the_key_of_the_step_unless_the_diagram_has_one(connector: Run, server: Server) -> None:
    for _ in range(2):
        connector(url=server.address, method="POST")
    connector(url=server.address, method="POST", headers={"idempotency-key": "mine"})
    keys = [
        [value for name, value in seen.headers.items() if name.lower() == "idempotency-key"] for seen in server.seen
    ]
    assert keys == [["key-1"], ["key-1"], ["mine"]]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_sent_and_a_payload_where_it_has_one(connector: Run, server: Server, method: str) -> None:
    written = connector(url=server.address, method=method, payload="x")
    [seen] = server.seen
    assert seen.method == method
    assert seen.body == (b"x" if method in ("POST", "PUT", "PATCH", "DELETE") else b"")
    assert written["response"] == (None if method == "HEAD" else "ok")


@pytest.mark.parametrize("status", [400, 404, 409, 500, 503, 204, 304])
def test_an_error_status_is_an_answer(connector: Run, server: Server, status: int) -> None:
    server.answers["/"] = (status, {}, b"" if status in (204, 304) else b"no")
    written = connector(url=server.address, method="GET")
    assert written["statusCode"] == status
    assert written["response"] == (None if status in (204, 304) else "no")


def test_an_error_status_is_a_failure_where_the_diagram_says_so(connector: Run, server: Server) -> None:
    server.answers["/"] = (503, {}, b"later")
    for yes in (True, "true", " TRUE "):
        with pytest.raises(ErrorAnswer, match="GET was answered with 503: later"):
            connector(url=server.address, method="GET", request_config={"throw-http-error": yes})
    for no in (False, "false", None):
        written = connector(url=server.address, method="GET", request_config={"throw-http-error": no})
        assert written["statusCode"] == 503


def test_data_is_sent_as_json(connector: Run, server: Server) -> None:
    connector(url=server.address, method="POST", payload={"a": [1, None, "ü"]})
    connector(url=server.address, method="POST", payload=[], headers={"content-type": "application/x-mine"})
    connector(url=server.address, method="POST", payload=5)
    assert [json.loads(seen.body) for seen in server.seen] == [{"a": [1, None, "ü"]}, [], 5]
    types = [{name.lower(): value for name, value in seen.headers.items()}.get("content-type") for seen in server.seen]
    assert types == ["application/json", "application/x-mine", None]


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        ({"Content-Type": "text/plain; charset=iso-8859-1"}, "fünf".encode("latin-1"), "fünf"),
        ({"Content-Type": "text/plain; charset=nonsense"}, "fünf".encode(), "fünf"),
        ({"Content-Type": "text/plain; charset=base64"}, "fünf".encode(), "fünf"),
        ({"Content-Type": "application/json"}, "fünf".encode(), "fünf"),
        ({}, b"\xff\x00a", "\ufffd\ufffda"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"packed", mtime=0), "packed"),
        ({"Content-Encoding": "deflate"}, zlib.compress(b"packed"), "packed"),
        ({"Content-Encoding": "identity"}, b"plain", "plain"),
    ],
)
def test_an_answer_is_read_as_text(
    connector: Run, server: Server, headers: dict[str, str], body: bytes, text: str
) -> None:
    server.answers["/"] = (200, headers, body)
    assert connector(url=server.address, method="GET")["response"] == text


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({}, b"x" * (5 * 1024 * 1024 + 1), "larger than 5 MiB"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"\0" * 40_000_000, mtime=0), "larger than 5 MiB"),
        ({"Content-Encoding": "gzip"}, b"no gzip", "is not gzip"),
        ({"Content-Encoding": "zstd"}, b"", "encoded as 'zstd'"),
        ({"Content-Encoding": "gzip, gzip"}, b"", "encoded as 'gzip, gzip'"),
    ],
)
def test_an_answer_that_is_too_large_or_unreadable_fails_the_try(
    connector: Run, server: Server, headers: dict[str, str], body: bytes, message: str
) -> None:
    server.answers["/"] = (200, headers, body)
    with pytest.raises(NoAnswer, match=message):
        connector(url=server.address, method="GET")


def test_the_largest_answer_is_read(connector: Run, server: Server) -> None:
    server.answers["/"] = (200, {}, b"x" * (5 * 1024 * 1024))
    assert len(connector(url=server.address, method="GET")["response"]) == 5 * 1024 * 1024


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://127.0.0.1/x", "must begin with http:// or https://"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("127.0.0.1/x", "must begin with http:// or https://"),
        ("", "must begin with http:// or https://"),
        ("http://", "must begin with http:// or https://"),
        ("http://127.0.0.1:port/", "cannot be read"),
        ("http://127.0.0.1/\x01", "cannot be read"),
        ("http://127.0.0.1:1/?token=secret", r"^GET http://127\.0\.0\.1:1/: no connection"),
        ("http://user:secret@127.0.0.1:1/#secret", r"^GET http://127\.0\.0\.1:1/: no connection"),
    ],
)
def test_a_call_that_cannot_be_made_fails_the_try_and_keeps_secrets(connector: Run, url: str, message: str) -> None:
    with pytest.raises(NoAnswer, match=message) as caught:
        connector(url=url, method="GET")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["FETCH", "", "GET /x HTTP/1.1\r\nA: b", "CONNECT"])
def test_an_unknown_method_fails_the_try(connector: Run, server: Server, method: str) -> None:
    with pytest.raises(NoAnswer, match="is no method; there are GET, POST"):
        connector(url=server.address, method=method)
    assert server.seen == []


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({"method": "GET"}, "url"),
        ({"url": None, "method": "GET"}, "url"),
        ({"url": "http://127.0.0.1/"}, "method"),
        ({"url": "http://127.0.0.1/", "method": "GET", "headers": "a: b"}, "headers"),
        ({"url": "http://127.0.0.1/", "method": "GET", "request_config": "x"}, "request-config"),
    ],
)
def test_a_missing_input_is_named(connector: Run, inputs: dict[str, Any], name: str) -> None:
    with pytest.raises(MissingVariable, match=f"the process variable {name}, which"):
        connector(**inputs)


@pytest.mark.parametrize("name", ["connection-timeout", "socket-timeout", "response-timeout", "max-redirects"])
def test_an_option_that_is_no_number_is_named(connector: Run, server: Server, name: str) -> None:
    for value in ("soon", -1, 1.5, [], "²"):
        with pytest.raises(NoAnswer, match=f"request-config: {name} must be a whole number"):
            connector(url=server.address, method="GET", request_config={name: value})


def test_options_that_mean_nothing_here_are_passed_over(connector: Run, server: Server) -> None:
    options = {"cookie-spec": "standard", "socket-timeout": "5000", "connection-timeout": 0}
    assert connector(url=server.address, method="GET", request_config=options)["statusCode"] == 200


@pytest.mark.parametrize(
    "headers",
    [{"A": "b\r\nC: d"}, {"A\r\nC": "d"}, {"A": "b\nC: d"}, {"": "a"}, {"a b": "c"}, {"A": "\x00"}],
)
def test_a_header_cannot_smuggle_another(connector: Run, server: Server, headers: dict[str, str]) -> None:
    with pytest.raises(NoAnswer):
        connector(url=server.address, method="GET", headers=headers)
    assert server.seen == []


def test_how_long_the_message_is_stays_the_clients_business(connector: Run, server: Server) -> None:
    headers = {
        "Content-Length": "1",
        "Transfer-Encoding": "chunked",
        "Connection": "upgrade",
        "Upgrade": "h2c",
        "X": None,
    }
    connector(url=server.address, method="POST", payload="abc", headers=headers)
    [seen] = server.seen
    assert seen.body == b"abc"
    assert not {"Transfer-Encoding", "Upgrade", "X"} & set(seen.headers)


# ---- redirects


def moved(to: str, status: int = 302) -> tuple[int, dict[str, str], bytes]:
    return (status, {"Location": to}, b"moved")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_with_all_headers_on_the_same_server(
    connector: Run, server: Server, status: int
) -> None:
    server.answers["/"] = moved("/there", status)
    written = connector(url=server.address, method="GET", headers={"X-Key": "secret", "Authorization": "secret"})
    assert (written["statusCode"], written["response"]) == (200, "ok")
    assert [seen.path for seen in server.seen] == ["/", "/there"]
    assert [seen.headers.get("X-Key") for seen in server.seen] == ["secret", "secret"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_server_gets_nothing_of_what_the_diagram_sends(
    connector: Run, server: Server, other: Server, status: int
) -> None:
    server.answers["/"] = moved(f"{other.address}/there", status)
    headers = {"X-Key": "secret", "Authorization": "secret", "Cookie": "secret", "Accept": "text/html"}
    connector(url=server.address, method="GET", headers=headers)
    [seen] = other.seen
    assert seen.headers["Accept"] == "text/html"
    assert seen.headers["Host"] == other.address.removeprefix("http://")
    assert "secret" not in str(seen)
    assert "key-1" not in str(seen)


@pytest.mark.parametrize(
    ("status", "methods", "code"),
    [
        (302, ["POST", "GET"], 200),
        (303, ["POST", "GET"], 200),
        (307, ["POST", "POST"], 200),
        (308, ["POST", "POST"], 200),
    ],
)
def test_a_post_is_redirected_as_browsers_do(
    connector: Run, server: Server, status: int, methods: list[str], code: int
) -> None:
    server.answers["/"] = moved("/there", status)
    assert connector(url=server.address, method="POST", payload="x")["statusCode"] == code
    assert [seen.method for seen in server.seen] == methods
    assert [seen.body for seen in server.seen] == [b"x", b"x" if methods[1] == "POST" else b""]


@pytest.mark.parametrize("status", [307, 308])
def test_no_payload_goes_to_another_server(connector: Run, server: Server, other: Server, status: int) -> None:
    server.answers["/"] = moved(other.address, status)
    written = connector(url=server.address, method="POST", payload="secret")
    assert (written["statusCode"], written["headers"]["Location"]) == (status, other.address)
    assert other.seen == []


@pytest.mark.parametrize("scheme", ["ftp", "file", "gopher", "javascript"])
def test_a_redirect_to_another_scheme_is_not_followed(connector: Run, server: Server, scheme: str) -> None:
    server.answers["/"] = moved(f"{scheme}://127.0.0.1/x")
    with pytest.raises(NoAnswer, match=f"redirects to {scheme}, which is not followed"):
        connector(url=server.address, method="GET")


def test_redirects_end_somewhere(connector: Run, server: Server) -> None:
    server.answers["/"] = moved("/")
    assert connector(url=server.address, method="GET")["statusCode"] == 302
    assert len(server.seen) == 1 + http_calls.REDIRECTS
    server.seen.clear()
    for options, calls in (({"max-redirects": 2}, 3), ({"redirects-enabled": False}, 1), ({"max-redirects": 900}, 21)):
        assert connector(url=server.address, method="GET", request_config=options)["statusCode"] == 302
        assert len(server.seen) == calls
        server.seen.clear()


# ---- servers that take their time


def answer_head(connection: socket.socket, length: str = "Content-Length: 100\r\n") -> None:
    connection.recv(65536)
    connection.sendall(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())


def silent(connection: socket.socket) -> None:
    connection.recv(65536)
    # until the caller hangs up
    connection.recv(65536)


def silent_in_the_middle(connection: socket.socket) -> None:
    answer_head(connection)
    connection.recv(65536)


@pytest.mark.parametrize("speak", [silent, silent_in_the_middle])
def test_a_silent_server_fails_the_try(connector: Run, speak: Callable[[socket.socket], None]) -> None:
    with raw(speak) as address, pytest.raises(NoAnswer, match=r"silent for 0\.1 s"):
        connector(url=address, method="GET", request_config={"socket-timeout": 100})


def drips_headers(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    _drip(connection, b"A: b\r\n")


def drips_a_body(connection: socket.socket) -> None:
    answer_head(connection)
    _drip(connection, b"x")


def drips_a_body_without_end(connection: socket.socket) -> None:
    answer_head(connection, "")
    _drip(connection, b"x")


def _drip(connection: socket.socket, drop: bytes) -> None:
    connection.settimeout(0.02)
    while True:
        connection.sendall(drop)
        try:
            if not connection.recv(1):
                return
        except TimeoutError:
            continue


@pytest.mark.parametrize("speak", [drips_headers, drips_a_body, drips_a_body_without_end, silent])
def test_a_call_has_an_end_however_lively_its_server_is(speak: Callable[[socket.socket], None]) -> None:
    with raw(speak) as address, pytest.raises(NoAnswer, match=r"no whole answer within 0\.3 s"):
        send(Call("GET", address, whole_seconds=0.3))


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"])
def test_a_server_that_breaks_off_fails_the_try(connector: Run, said: bytes) -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with raw(speak) as address, pytest.raises(NoAnswer, match=r"^GET http://127\."):
        connector(url=address, method="GET")


# ---- who is reached


@pytest.mark.parametrize(
    ("address", "is_refused"),
    [
        ("169.254.169.254", True), ("fe80::1", True), ("fe80::1%eth0", True), ("::ffff:169.254.169.254", True),
        ("127.0.0.1", False), ("10.0.0.1", False), ("::1", False), ("93.184.215.14", False),
    ],
)  # fmt: skip
def test_a_link_local_address_is_not_called_whatever_its_name_was(address: str, *, is_refused: bool) -> None:
    class Stream:
        is_closed = False

        def get_extra_info(self, what: str) -> Any:
            return (address, 80) if what == "server_addr" else None

        def close(self) -> None:
            self.is_closed = True

    watch, stream = http_calls._Watch(), Stream()
    if is_refused:
        with pytest.raises(NoAnswer, match="link-local address"):
            watch.see("connection.connect_tcp.complete", {"return_value": stream})
    else:
        watch.see("connection.connect_tcp.complete", {"return_value": stream})
    assert stream.is_closed is is_refused


def test_the_address_is_looked_at_before_anything_is_sent(
    connector: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_calls, "_is_private_to_the_machine", lambda reached: reached == "127.0.0.1")
    with pytest.raises(NoAnswer, match=r"127\.0\.0\.1 is a link-local address"):
        connector(url=server.address, method="GET")
    assert server.seen == []


def test_a_certificate_that_nobody_vouches_for_fails_the_try(connector: Run, tmp_path: Path) -> None:
    with serving(self_signed(tmp_path)) as server, pytest.raises(NoAnswer, match="certificate verify failed"):
        connector(url=server.address, method="GET")
    assert server.seen == []


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
