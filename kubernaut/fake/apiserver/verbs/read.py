"""get and list: selection, paging, consistent snapshots."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from kubernaut.fake.apiserver import conversion, selectors
from kubernaut.fake.apiserver.core import Call
from kubernaut.fake.apiserver.decoding import go_syntax_error
from kubernaut.fake.apiserver.options import ListOptions, list_options
from kubernaut.fake.apiserver.status import StatusError, bad_request, expired, not_found
from kubernaut.fake.apiserver.storage import Compacted, Stored

Passes = Callable[[Stored], bool]


def get(call: Call) -> Stored:
    """The object. Raises StatusError 404."""
    stored = call.stored()
    wanted, current = call.request.parameter("resourceVersion"), call.state.storage.version
    if call.info.verb == "get" and wanted.isdigit() and int(wanted) > current:
        raise _too_large(int(wanted), current)
    if stored is None:
        raise not_found(call.resource.group, call.resource.plural, call.info.name)
    return stored


def selection(call: Call, options: ListOptions) -> Passes:
    """The test that the selectors of a request make. Raises StatusError 400."""
    labels = selectors.parse_labels(options.labels) if options.labels else []
    resource, name = call.resource, call.info.name
    terms = (
        selectors.parse_fields(options.fields, resource.allowed_fields, resource.unknown_field)
        if options.fields
        else []
    )
    if name:
        terms.append(selectors.FieldTerm("metadata.name", name, negated=False))
    if not labels and not terms:
        return lambda stored: True
    return lambda stored: (
        selectors.matches_labels(labels, stored.labels) and selectors.matches_fields(terms, stored.fields)
    )


def selected(call: Call, options: ListOptions) -> Iterator[Stored]:
    """The current objects that a request selects."""
    passes = selection(call, options)
    return (stored for stored in call.state.storage.iterate(call.resource.store, call.namespace) if passes(stored))


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a list: what was found, as of which version, and where to go on."""

    items: list[Stored]
    version: int
    next: str
    remaining: int | None


class _Token(msgspec.Struct):
    v: str
    rv: int
    start: str


def list_page(call: Call) -> Page:
    """One page. Raises StatusError 400, 410 and 422."""
    options = list_options(call.request)
    passes = selection(call, options)
    storage, store = call.state.storage, call.resource.store
    version, after = storage.version, ""
    if options.continue_token:
        token = _parse_token(options.continue_token)
        if options.version:
            raise bad_request("specifying resource version is not allowed when using continue")
        version, after = token.rv, token.start
        found: Iterable[Stored] = _snapshot(call, version, "The provided continue parameter is too old ")
    elif options.version and options.match == "Exact":
        version = options.version
        found = _snapshot(call, version, "The resourceVersion for the provided list is too old.")
    else:
        if options.version is not None and options.version > storage.version:
            raise _too_large(options.version, storage.version)
        found = storage.iterate(store, call.namespace)
    chosen = (stored for stored in found if (not after or stored.key > after) and passes(stored))
    # any version at all is answered from the real server's cache, which makes no pages
    if not options.limit or (options.version == 0 and not options.continue_token):
        every = list(chosen)
        conversion.prime(every, call.resource)
        return Page(every, version, "", None)
    items: list[Stored] = []
    left = 0
    for stored in chosen:
        if len(items) < options.limit:
            items.append(stored)
        else:
            left += 1
    conversion.prime(items, call.resource)
    if not left:
        return Page(items, version, "", None)
    # the number is only known to the real server when nothing is filtered
    remaining = None if options.labels or options.fields else left
    return Page(items, version, _make_token(version, items[-1].key), remaining)


def _snapshot(call: Call, version: int, message: str) -> list[Stored]:
    try:
        return call.state.storage.at(call.resource.store, call.namespace, version)
    except Compacted as error:
        raise expired(message) from error


def _too_large(wanted: int, current: int) -> StatusError:
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    message = f"Too large resource version: {wanted}, current: {current}"
    return StatusError(504, "Timeout", message, {"causes": causes, "retryAfterSeconds": 1}, {"Retry-After": "1"})


def _make_token(version: int, last: str) -> str:
    raw = msgspec.json.encode(_Token("meta.k8s.io/v1", version, last))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _parse_token(text: str) -> _Token:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    try:
        return msgspec.json.decode(raw, type=_Token)
    except msgspec.DecodeError as error:
        why = go_syntax_error_latin(raw) or str(error)
        raise bad_request(f"invalid continue token: continue key is not valid: {why}") from error


def go_syntax_error_latin(raw: bytes) -> str:
    """Go names the first byte, not the first character, of what is no JSON."""
    return go_syntax_error(raw.decode("latin-1").encode())


def list_bytes(call: Call, page: Page) -> bytes:
    """The list object, with the stored bytes of its items spliced in."""
    resource = call.resource
    metadata: dict[str, object] = {"resourceVersion": str(page.version)}
    if page.next:
        metadata["continue"] = page.next
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    head = f'{{"kind":"{resource.list_kind}","apiVersion":"{resource.api_version}","metadata":'.encode()
    # items of custom resources keep their kind; those of built-in ones do not
    keep = resource.custom is not None
    items = b",".join(conversion.read_bytes(stored, resource, head=keep) for stored in page.items)
    return head + msgspec.json.encode(metadata) + b',"items":[' + items + b"]}"
