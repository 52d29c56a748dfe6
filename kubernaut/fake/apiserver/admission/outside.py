"""Calls of webhooks: to applications in this process by route, to any other address over HTTP."""

from __future__ import annotations

import base64
import errno
import ssl
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from kubernaut.timing import hold

if TYPE_CHECKING:
    import httpx

Message = MutableMapping[str, Any]
Application = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
WebhookTarget = Application | str


class CallFailed(Exception):
    """The webhook gave no answer; the text is what the server says of it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a webhook is: its URL, the service that stands for the host, and the PEM of the CAs that sign for it."""

    url: str
    service: str = ""
    ca: bytes = b""

    @property
    def base(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or 443}"


def endpoint_of(config: Mapping[str, Any]) -> Endpoint:
    """The endpoint of a WebhookClientConfig."""
    ca = base64.b64decode(config.get("caBundle") or "")
    service = config.get("service")
    if not service:
        return Endpoint(config.get("url", ""), "", ca)
    host = f"{service['name']}.{service['namespace']}.svc"
    path = service.get("path") or "/"
    slash = "" if path.startswith("/") else "/"
    return Endpoint(f"https://{host}:{service.get('port', 443)}{slash}{path}", service["name"], ca)


class Outside:
    """Posts reviews. One for each server."""

    def __init__(self) -> None:
        self._routes: dict[str, WebhookTarget] = {}

    def route(self, url: str, target: WebhookTarget) -> None:
        """Sends what is for `url` (scheme, host, port) to an application or to another base URL."""
        self._routes[Endpoint(url).base] = target

    async def post(self, endpoint: Endpoint, body: bytes, seconds: float, *, timeout_query: bool = True) -> bytes:
        """The body of a 200 answer. Raises CallFailed for everything else, a time-out after `seconds` included."""
        url = endpoint.url
        if timeout_query:
            url += f"{'&' if '?' in url else '?'}timeout={seconds:g}s"
        target = self._routes.get(endpoint.base)
        failed = f'Post "{url}"'
        if target is None and endpoint.service:
            raise CallFailed(f'{failed}: service "{endpoint.service}" not found')
        try:
            with anyio.fail_after(seconds):
                if target is None or isinstance(target, str):
                    status, answer = await _over_http(url, endpoint, target, body)
                else:
                    status, answer = await _in_process(url, target, body)
        except TimeoutError:
            raise CallFailed(f"{failed}: context deadline exceeded") from None
        except _Unreachable as error:
            raise CallFailed(f"{failed}: {error}") from error
        if status != 200:
            raise CallFailed(_refused(status, answer))
        return answer


class _Unreachable(Exception):
    """No HTTP answer."""


def _refused(status: int, answer: bytes) -> str:
    """What client-go makes of an answer that is no Status."""
    text = answer.decode(errors="replace").strip()
    unknown = "the server rejected our request for an unknown reason"
    known = {
        400: f"{unknown}: {text}" if text else unknown,
        401: "the server has asked for the client to provide credentials",
        403: text or "forbidden",
        404: "the server could not find the requested resource",
        405: "the server does not allow this method on the requested resource",
        429: "the server has received too many requests and has asked us to try again later",
        503: "the server is currently unable to handle the request",
    }
    if status in known:
        return known[status]
    if status >= 500:
        return f'an error on the server ("{text or "unknown"}") has prevented the request from succeeding'
    return f"the server responded with the status code {status} but did not return more information"


async def _in_process(url: str, app: Application, body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(url)
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": parts.scheme,
        "path": parts.path or "/",
        "raw_path": (parts.path or "/").encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [
            (b"host", (parts.netloc).encode()),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json, */*"),
            (b"content-length", str(len(body)).encode()),
        ],
        "client": ("127.0.0.1", 0),
        "server": (parts.hostname, parts.port or 443),
    }
    status = 0
    chunks: list[bytes] = []
    unread = [body]
    done = anyio.Event()

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                done.set()

    await app(scope, receive, send)
    if not done.is_set():
        raise _Unreachable("EOF")
    return status, b"".join(chunks)


async def _over_http(url: str, endpoint: Endpoint, instead: str | None, body: bytes) -> tuple[int, bytes]:
    # only programs whose webhooks are elsewhere pay for its import
    import httpx

    host = urlsplit(url).hostname or ""
    target = url
    if instead is not None:
        parts = urlsplit(url)
        target = f"{instead.rstrip('/')}{parts.path}{'?' + parts.query if parts.query else ''}"
    headers = {"content-type": "application/json", "host": urlsplit(url).netloc}
    try:
        with hold():
            async with httpx.AsyncClient(verify=_trusting(endpoint.ca), timeout=None, trust_env=False) as client:
                sent = client.build_request(
                    "POST", target, content=body, headers=headers, extensions={"sni_hostname": host}
                )
                answer = await client.send(sent)
    except httpx.TransportError as error:
        raise _Unreachable(_go_text(error, target)) from error
    except ssl.SSLError as error:
        raise _Unreachable("unable to load root certificates: unable to parse bytes as PEM block") from error
    return answer.status_code, answer.content


def _trusting(ca: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca.decode()) if ca else ssl.create_default_context()
    # Go looks at the subject's alternative names only.
    context.hostname_checks_common_name = False
    return context


def _go_text(error: httpx.TransportError, url: str) -> str:
    """The error as Go's HTTP client words it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if "Hostname mismatch" in str(cause) or "IP address mismatch" in str(cause):
                return f"tls: failed to verify certificate: x509: {cause.verify_message}"
            if "expired" in str(cause) or "not yet valid" in str(cause):
                return "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"
            return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            break
        cause = cause.__cause__ or cause.__context__
    parts = urlsplit(url)
    if cause is not None or "refused" in str(error) or "connection attempts failed" in str(error):
        return f"dial tcp {parts.hostname}:{parts.port or 443}: connect: connection refused"
    return str(error) or "EOF"
