"""What the informer relies on in the splitting of responses."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from kubernaut.client import RawFrames, TransportError, decode_head, decode_page
from kubernaut.client.frames import FrameError
from kubernaut.client.params import page_query


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize(
    "body", [b'{"metadata":{}}', b'{"kind":"Table","metadata":{},"rows":[]}', b'{"items":[]}', b"{}"]
)
def test_what_has_no_items_is_no_empty_list(body: bytes) -> None:
    with pytest.raises(TransportError):
        decode_page(body)


@pytest.mark.parametrize("items", [b"null", b"[]"])
def test_a_list_may_be_empty(items: bytes) -> None:
    assert decode_page(b'{"metadata":{"resourceVersion":"5"},"items":' + items + b"}").items == []


async def test_a_whole_line_that_is_no_event_is_told_apart_from_a_stream_that_was_cut() -> None:
    with pytest.raises(FrameError):
        await anext(RawFrames(chunks(b'{"type":"ADD\n')))
    with pytest.raises(TransportError) as cut:
        await anext(RawFrames(chunks(b'{"type":"ADD')))
    assert not isinstance(cut.value, FrameError)


async def test_a_last_event_without_a_newline_counts() -> None:
    assert (await anext(RawFrames(chunks(b'{"type":"ADDED",', b'"object":{}}')))).type == "ADDED"


def test_nulls_in_metadata_are_read_as_absent() -> None:
    raw = b'{"metadata":{"name":"a","generation":null,"labels":{"x":null,"y":"z"},"ownerReferences":null}}'
    head = decode_head(raw)
    assert (head.name, head.generation, head.labels, head.owner_references) == ("a", None, {"y": "z"}, ())


@pytest.mark.parametrize("raw", [b"[]", b"7", b'{"metadata":null}', b'{"metadata":{"name":7}}', b'{"spec":{}}', b"no"])
def test_what_has_no_metadata_is_no_object(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_head(raw)


def test_a_page_is_asked_for_by_limit_version_and_token() -> None:
    assert page_query(500, None, None) == (("limit", "500"),)
    assert page_query(None, None, None) == ()
    assert page_query(2, "token", None) == (("limit", "2"), ("continue", "token"))
    assert page_query(2, None, "7") == (("limit", "2"), ("resourceVersion", "7"))
