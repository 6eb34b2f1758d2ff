"""One HTTP call that a diagram asks for, within limits: its author is not trusted, and neither is the server.

http and https only, also after a redirect; never an address that is only there for the machine itself, where clouds
keep its credentials; so much time and so large an answer. What the diagram sends goes to the server that it names.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Timer
from typing import Any

import httpx2

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
WITHOUT_PAYLOAD = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
LARGEST_MIB = 5
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 60.0
WHOLE_SECONDS = 120.0
REDIRECTS = 5

_LARGEST = LARGEST_MIB * 1024 * 1024
_SCHEMES = frozenset({"http", "https"})
# how the message is written is the client's business: a diagram that gets it wrong could smuggle in a second one
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "upgrade"})
# what a redirect may take to another server
_HARMLESS = frozenset({"host", "accept", "accept-encoding", "accept-language", "user-agent", "connection"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Call:
    """What to send. Of a time limit, `whole_seconds` is for all of it, redirects included."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes | None = None
    connect_seconds: float = CONNECT_SECONDS
    silence_seconds: float = SILENCE_SECONDS
    whole_seconds: float = WHOLE_SECONDS
    redirects: int = REDIRECTS


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status; `text` is None where an answer has no body."""

    status: int
    headers: dict[str, str]
    text: str | None


class NoAnswer(Exception):
    """The call cannot be made or was not answered; the message says why, without what a URL may keep secret."""


def send(call: Call) -> Answer:
    """The server's answer. Raises NoAnswer. Whether it is safe to repeat is up to the server."""
    url = _url(call.url)
    where = f"{call.method} {_place(url)}"
    watch = _Watch()
    timer = Timer(call.whole_seconds, watch.end)
    timer.daemon = True
    timer.start()
    try:
        answer = _sent(call, url, watch)
    except NoAnswer as no:
        raise NoAnswer(f"{where}: {no}") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError) as error:
        raise NoAnswer(f"{where}: {_reason(error, call, watch)}") from None
    finally:
        timer.cancel()
    if watch.is_over:
        # an answer of no known length ends where its connection was cut
        raise NoAnswer(f"{where}: {_late(call)}")
    return answer


def _url(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, ValueError) as error:
        raise NoAnswer(f"the url cannot be read: {error}") from None
    if url.scheme not in _SCHEMES or not url.host:
        raise NoAnswer("the url must begin with http:// or https:// and name a server")
    return url


def _place(url: httpx2.URL) -> str:
    """The address without user, query and fragment, where secrets may be."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _sent(call: Call, url: httpx2.URL, watch: _Watch) -> Answer:
    seconds = httpx2.Timeout(call.silence_seconds, connect=call.connect_seconds)
    with httpx2.Client(verify=_trusted(), timeout=seconds) as client:
        request = client.build_request(
            call.method,
            url,
            headers=_headers(call.headers),
            content=call.payload,
            extensions={"trace": watch.see},
        )
        left = call.redirects
        while True:
            response = client.send(request, stream=True)
            with contextlib.closing(response):
                following = _following(request, response) if left else None
                if following is None:
                    return _answer(call, response)
            request, left = following, left - 1


@functools.cache
def _trusted() -> ssl.SSLContext:
    # a tenth of a second to make; the authorities are the system's where the environment names them
    return httpx2.create_ssl_context()


def _headers(given: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    merged = {"user-agent": ("User-Agent", "MLC-Service"), "accept-encoding": ("Accept-Encoding", "gzip")}
    merged |= {name.lower(): (name, value) for name, value in given.items() if name.lower() not in _OURS}
    return [(name.encode(), value.encode()) for name, value in merged.values()]


def _following(request: httpx2.Request, response: httpx2.Response) -> httpx2.Request | None:
    """What the redirect asks for; None if the response is an answer."""
    following = response.next_request if response.has_redirect_location else None
    if following is None:
        return None
    if following.url.scheme not in _SCHEMES:
        raise NoAnswer(f"the server redirects to {following.url.scheme}, which is not followed")
    if _is_same_server(request.url, following.url):
        return following
    if following.method not in WITHOUT_PAYLOAD:
        return None
    kept = [(name, value) for name, value in following.headers.raw if name.decode().lower() in _HARMLESS]
    return httpx2.Request(following.method, following.url, headers=kept, extensions=request.extensions)


def _is_same_server(one: httpx2.URL, other: httpx2.URL) -> bool:
    moved_to_https = one.scheme == "http" and other.scheme == "https" and one.port is None and other.port is None
    return one.host == other.host and (one.origin == other.origin or moved_to_https)


def _answer(call: Call, response: httpx2.Response) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.headers.raw:
        headers[name.decode("latin-1")] = _without_nul(value.decode("latin-1"))
    bodiless = call.method == "HEAD" or response.status_code in (204, 304)
    return Answer(response.status_code, headers, None if bodiless else _text(response))


def _text(response: httpx2.Response) -> str:
    body = bytearray()
    for part in _unpacked(response):
        body += part
        if len(body) > _LARGEST:
            raise NoAnswer(f"the answer is larger than {LARGEST_MIB} MiB")
    charset = response.charset_encoding or "utf-8"
    try:
        text = body.decode(charset, errors="replace")
    except (LookupError, ValueError):  # no such charset, or one that knows no replacement
        text = body.decode("utf-8", errors="replace")
    return _without_nul(text)


def _unpacked(response: httpx2.Response) -> Iterator[bytes]:
    """The body as the server wrote it, never much more of it at once than an answer may have."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        yield from response.iter_raw()
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise NoAnswer(f"the answer is encoded as {encoding[:40]!r}, which is not read here")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for part in response.iter_raw():
            yield unpacker.decompress(part, _LARGEST + 1)
    except zlib.error as error:
        raise NoAnswer(f"the answer is not {encoding}: {error}") from None


def _without_nul(text: str) -> str:
    # no variable can hold one
    return text.replace("\x00", "\ufffd")


def _late(call: Call) -> str:
    return f"no whole answer within {call.whole_seconds:g} s"


def _reason(error: Exception, call: Call, watch: _Watch) -> str:
    if watch.is_over:
        return _late(call)
    match error:
        case httpx2.ConnectTimeout():
            return f"no connection within {call.connect_seconds:g} s"
        case httpx2.TimeoutException():
            return f"the server was silent for {call.silence_seconds:g} s"
        case httpx2.ConnectError():
            return f"no connection: {error}"
    return str(error) or type(error).__name__


class _Watch:
    """The connection of a call, which is cut when its time is over, and never is to where nobody may call."""

    def __init__(self) -> None:
        self.is_over = False
        self._cut: Callable[[], None] = lambda: None

    def end(self) -> None:
        """The call is over, also for a thread that waits for its server."""
        self.is_over = True
        self._cut()

    def see(self, event: str, facts: Mapping[str, Any]) -> None:
        """The client has come this far. Raises NoAnswer if it must not go on."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        stream = facts["return_value"]
        connection: socket.socket = stream.get_extra_info("socket")
        self._cut = functools.partial(_shut, connection)
        reached = str(stream.get_extra_info("server_addr")[0])
        if _is_private_to_the_machine(reached):
            stream.close()
            raise NoAnswer(f"{reached} is a link-local address, which diagrams cannot call")
        if self.is_over:
            stream.close()
            raise httpx2.ConnectTimeout("the time is over")


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _is_private_to_the_machine(reached: str) -> bool:
    address = ipaddress.ip_address(reached.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_link_local
    return address.is_link_local
