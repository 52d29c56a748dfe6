"""What is answered below /openapi: the index, the documents, and when clients may keep them."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Final

from kubernaut.fake.apiserver.messages import Request, Response, json_response, text_response
from kubernaut.fake.apiserver.openapi.documents import digest, document, group_versions
from kubernaut.fake.apiserver.openapi.swagger import swagger
from kubernaut.fake.apiserver.registry import Registry
from kubernaut.timing import current_clock

_ROOT: Final = "/openapi/v3"
_YEAR: Final = timedelta(days=365)


def answer(registry: Registry, request: Request) -> Response | None:
    """Answers GET of a path below /openapi; None where nothing is."""
    version, _, place = request.path.strip("/").removeprefix("openapi").strip("/").partition("/")
    if version not in ("v2", "v3") or (version == "v2" and place):
        return None
    if not _takes_json(request.headers.get("accept", "")):
        return text_response(406, "")
    if version == "v2":
        return _with_etag(request, swagger(registry), "")
    documents = dict(group_versions(registry))
    if not place:
        links = {at: {"serverRelativeURL": f"{_ROOT}/{at}?hash={digest(at, infos)}"} for at, infos in documents.items()}
        return json_response(200, {"paths": dict(sorted(links.items()))})
    infos = documents.get(place)
    if infos is None:
        return None
    etag, asked = digest(place, infos), request.parameter("hash")
    if asked and asked != etag:
        moved = text_response(301, "")
        moved.headers["Location"] = f"{_ROOT}/{place}?hash={etag}"
        return moved
    response = _with_etag(request, document(place, infos), etag)
    if asked:
        response.headers["Cache-Control"] = "public, immutable"
        response.headers["Expires"] = format_datetime(current_clock().now() + _YEAR, usegmt=True)
    return response


def _takes_json(accept: str) -> bool:
    wanted = [choice.partition(";")[0].strip() for choice in accept.split(",")] if accept else ["*/*"]
    return any(media in ("*/*", "application/*", "application/json") for media in wanted)


def _with_etag(request: Request, body: bytes, etag: str) -> Response:
    headers = {"Vary": "Accept", "Cache-Control": "no-cache, private"}
    if etag:
        headers["Etag"] = f'"{etag}"'
        if request.headers.get("if-none-match") == headers["Etag"]:
            return Response(304, b"", headers=headers)
    return Response(200, body, headers=headers)
