"""Frames are split at newlines however the bytes arrive."""

import itertools
from collections.abc import AsyncIterator, Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubernaut.client import RawFrames, TransportError, decode_head, decode_page
from kubernaut.client.frames import Lines


async def chunked(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@given(
    lines=st.lists(st.binary(min_size=1, max_size=20).filter(lambda b: b"\n" not in b and bool(b.strip()))),
    cuts=st.lists(st.integers(0, 200)),
    ended=st.booleans(),
)
async def test_lines_do_not_depend_on_the_chunks(lines: list[bytes], cuts: list[int], ended: bool) -> None:
    whole = b"\n".join(lines) + (b"\n" if ended else b"")
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    chunks = [whole[a:b] for a, b in itertools.pairwise(edges)]
    assert [line async for line in Lines(chunked(chunks))] == lines


async def test_a_frame_of_three_mebibytes_arrives_whole() -> None:
    frame = msgspec.json.encode({"type": "ADDED", "object": {"metadata": {"name": "big"}, "data": "x" * (3 << 20)}})
    chunks = [frame[i : i + 65536] for i in range(0, len(frame), 65536)]
    frames = [f async for f in RawFrames(chunked([*chunks, b"\n"]))]
    assert [decode_head(f.object).name for f in frames] == ["big"]


async def test_a_stream_cut_off_inside_a_frame_is_a_transport_error() -> None:
    frames = RawFrames(chunked([b'{"type":"ADDED","object":{}}\n{"type":"ADD']))
    assert (await anext(frames)).type == "ADDED"
    with pytest.raises(TransportError):
        await anext(frames)


def test_a_head_holds_what_the_runtime_routes_on() -> None:
    head = decode_head(
        b'{"kind":"Pod","metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"7","generation":2,'
        b'"creationTimestamp":null,"deletionTimestamp":"2024-01-01T00:00:00Z","labels":{"x":"y"},"finalizers":["f"],'
        b'"ownerReferences":[{"apiVersion":"v1","kind":"K","name":"o","uid":"w","controller":true}],"more":1},"spec":{}}'
    )
    assert (head.name, head.namespace, head.uid, head.resource_version, head.generation) == ("a", "n", "u", "7", 2)
    assert head.labels == {"x": "y"}
    assert head.finalizers == ("f",)
    assert head.deletion_timestamp == "2024-01-01T00:00:00Z"
    assert head.controller_owner is not None
    assert head.controller_owner.uid == "w"


def test_a_page_knows_its_version_and_the_next_token() -> None:
    page = decode_page(
        b'{"metadata":{"resourceVersion":"9","continue":"t","remainingItemCount":3},"items":[{"a":1}, {}]}'
    )
    assert (page.resource_version, page.continue_, page.remaining) == ("9", "t", 3)
    assert [bytes(item) for item in page.items] == [b'{"a":1}', b"{}"]
    last = decode_page(b'{"metadata":{"resourceVersion":"9"},"items":null}')
    assert (last.items, last.continue_) == ([], None)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"items":3}'])
def test_what_is_no_list_is_a_transport_error(body: bytes) -> None:
    with pytest.raises(TransportError):
        decode_page(body)
