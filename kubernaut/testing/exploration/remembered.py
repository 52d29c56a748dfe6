"""Answers of the API server that earlier runs got to the same request in the same state: most runs ask the same."""

from __future__ import annotations

import bisect
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from kubernaut.client import TransportRequest
from kubernaut.client.requestinfo import RequestInfo
from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import Response, Stream
from kubernaut.fake.apiserver.snapshot import Event, Storage, Stored, storage_of
from kubernaut.timing import current_clock

__all__ = ["Answers", "Question", "store_of"]

MOST = 8000
"""Answers that are kept: each holds an object before and after, and what was sent."""
_CONFIGURED = ("admissionregistration.k8s.io/", "apiextensions.k8s.io/", "rbac.authorization.k8s.io/")
_SURROUNDINGS = frozenset(
    [
        "namespaces",
        "serviceaccounts",
        "limitranges",
        "resourcequotas",
        "scheduling.k8s.io/priorityclasses",
        "storage.k8s.io/storageclasses",
    ]
)
_WRITES = frozenset(["create", "update", "patch", "delete"])
_REVIEW = "authorization.k8s.io/subjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Question:
    """A request, what its answer follows from beside it, and where its object is stored."""

    key: Hashable
    store: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a write: the answer, the change of its object (None: nothing is stored), chance after it."""

    response: Response
    event: Event | None
    random: Any


class Answers:
    """What one prepared server has answered, in whatever run.

    Only what follows from the request and its own object alone is kept: reads of one object, writes of one object and
    nothing else, access reviews. What decides on requests from elsewhere (roles, quotas, webhooks, namespaces) must be
    as it was at the beginning: a run in which it has changed asks the server itself from then on.
    """

    def __init__(self, server: ApiServer) -> None:
        self._storage: Storage = storage_of(server)
        self._random = server._state.random
        self._found: dict[Hashable, _Answer] = {}
        self._read: dict[Hashable, tuple[str, str, str]] = {}
        self.usable = not _asks_others(self._storage)
        """Whether answers may be kept at all: not where webhooks or quotas see the requests."""
        self.told = 0
        """How many requests were answered from here."""

    def question(self, request: TransportRequest, info: RequestInfo) -> Question | None:
        """What is asked, if its answer may be one that is known or to be remembered."""
        if request.stream or not info.resource or info.subresource not in ("", "status"):
            return None
        store = store_of(info)
        if info.verb == "get":
            if request.query:
                return None
            return Question((request.path, *request.headers.items()), store, info.namespace, info.name)
        if info.verb not in _WRITES or surrounds(store):
            return None
        if store == _REVIEW and info.verb == "create":
            return Question(self._key(request, None, None), store, "", "")
        if not info.name:
            return None
        before = self._storage.get(store, info.namespace, info.name)
        chance = self._chance() if info.verb == "create" else None
        return Question(self._key(request, before, chance), store, info.namespace, info.name)

    def known(self, question: Question, verb: str) -> Response | None:
        """The answer, if it is known; what it did to the world is done then."""
        if verb == "get":
            where = self._read.get(question.key)
            stored = None if where is None else self._storage.get(*where)
            if stored is None:
                return None
            self.told += 1
            return Response(200, stored.data)
        answer = self._found.get(question.key)
        if answer is None:
            return None
        self.told += 1
        if answer.event is not None:
            _again(self._storage, question.store, answer.event)
        if answer.random is not None:
            self._random.setstate(answer.random)
        return answer.response

    def learn(
        self, question: Question, verb: str, response: Response | Stream, heard: Sequence[tuple[str, Event, str]]
    ) -> None:
        """Remember what the server answered, and what was heard of it, if it can be told again."""
        if not isinstance(response, Response) or response.status >= 300:
            return
        if verb == "get":
            where = (question.store, question.namespace, question.name)
            stored = self._storage.get(*where)
            if stored is not None and stored.data == response.body:
                self._read[question.key] = where
            return
        if not _follows(question, heard):
            return
        if len(self._found) >= MOST:
            self._found.clear()
        random = self._random.getstate() if verb == "create" and heard else None
        event = heard[0][1] if heard else None
        if event is not None and event.object.data == response.body:
            response = replace(response, body=event.object.data)
        self._found[question.key] = _Answer(response, event, random)

    def _key(self, request: TransportRequest, before: Stored | None, chance: Hashable) -> Hashable:
        second = current_clock().now().replace(microsecond=0)
        headers = tuple(request.headers.items())
        seen = None if before is None else before.data
        version = self._storage.version
        # The bodies of all requests would be as large as all that they led to.
        sent = blake2b(request.body or b"", digest_size=16).digest()
        return (request.path, request.method, second, version, request.query, headers, sent, seen, chance)

    def _chance(self) -> Hashable:
        """Where the server's randomness is: its first word changes with each of its rounds."""
        words = self._random.getstate()[1]
        return words[0], words[-1]


def store_of(info: RequestInfo) -> str:
    """What the storage calls the kind of a request, as far as a rule tells."""
    if info.resource == "events":
        return "events"
    return f"{info.group}/{info.resource}" if info.group else info.resource


def surrounds(store: str) -> bool:
    """Whether objects of a kind decide on requests for others."""
    return store in _SURROUNDINGS or store.startswith(_CONFIGURED)


def _follows(question: Question, heard: Sequence[tuple[str, Event, str]]) -> bool:
    """Whether the object itself changed, once, and nothing else."""
    if question.store == _REVIEW:
        return not heard
    if len(heard) != 1:
        return False
    store, event, _ = heard[0]
    return (store, event.object.namespace, event.object.name) == (question.store, question.namespace, question.name)


def _again(storage: Storage, store: str, event: Event) -> None:
    """Let a change that happened before happen to a storage that is as it was then."""
    table, key = storage.table(store), event.object.key
    if event.type == "DELETED":
        del table.objects[key]
        del table.keys[bisect.bisect_left(table.keys, key)]
    else:
        if event.type == "ADDED":
            bisect.insort(table.keys, key)
        table.objects[key] = event.object
    storage.version = event.version
    storage._append(store, table, event)


def _asks_others(storage: Storage) -> bool:
    definitions = storage.iterate("apiextensions.k8s.io/customresourcedefinitions")
    if any(b'"strategy":"Webhook"' in definition.data for definition in definitions):
        return True
    asking = [store for store in storage.kinds() if store.startswith("admissionregistration.k8s.io/")]
    return any(storage.count(store) for store in [*asking, "resourcequotas"])
