"""Random writes against a model: one counter of versions, no lost write, and a history that can be replayed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kubernaut.fake.apiserver import ApiServer
from kubernaut.fake.apiserver.messages import Request, Response, Stream, parse_query
from kubernaut.testing import VirtualTimeLoop
from tests.fake.apiserver.storage_model import Held, object_of, owners_of, seen

URL = "/api/v1/namespaces/default/configmaps"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
NAMES = st.sampled_from(["a", "b", "c"])
DATA = st.dictionaries(st.sampled_from(["k", "l", "m"]), st.sampled_from(["1", "2"]), max_size=3)
FINALIZERS = st.sampled_from([("example.com/x",), ("example.com/x", "example.com/y"), ()])
# Always there: what nobody owns anything of is not tracked any more, as on a real server.
LABEL = {"@app": "x"}
# Which version of the object the writer saw: none, the current one, or an earlier one.
SEEN = st.sampled_from(["none", "current", "stale"])


class StorageMachine(RuleBasedStateMachine):
    """Every rule predicts the answer's code, the next state and the version, and holds the server to them."""

    def __init__(self) -> None:
        super().__init__()
        self.server, self.loop = ApiServer(seed=1), VirtualTimeLoop()
        self.held: dict[str, Held] = {}
        self.start = self.server.version
        self.past: dict[int, dict[str, Held]] = {self.start: {}}

    def teardown(self) -> None:
        try:
            self.follow(self.start)
        finally:
            self.loop.close()

    # -- asking

    def send(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Response | Stream:
        path, _, query = path.partition("?")
        headers = {"content-type": kind, "user-agent": "writer/1"}
        data = b"" if body is None else json.dumps(body).encode()
        return self.server.handle(Request(method, path, parse_query(query.encode()), headers, data))

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        answer = self.send(method, path, body, kind)
        assert isinstance(answer, Response)
        return answer.status, json.loads(answer.body)

    def frames(self, path: str) -> list[dict[str, Any]]:
        answer = self.send("GET", path)
        assert isinstance(answer, Stream)

        async def collect() -> list[dict[str, Any]]:
            return [json.loads(line) for chunk in [part async for part in answer.chunks] for line in chunk.splitlines()]

        return self.loop.run_until_complete(collect())

    def existing(self, number: int) -> str:
        return sorted(self.held)[number % len(self.held)]

    def version_seen(self, name: str, which: str) -> dict[str, str]:
        current = self.held[name].version if name in self.held else self.start
        told = {"none": None, "current": current, "stale": max(1, current - 1)}[which]
        return {} if told is None else {"resourceVersion": str(told)}

    # -- holding to it

    def expect(self, answer: tuple[int, Any], code: int, name: str, after: Held | None) -> None:
        """The answer has this code, and `name` is `after` from now on (as it was where the code is an error)."""
        status, body = answer
        assert status == code, body
        before = self.held.get(name)
        if status >= 400 or _timeless(before) == _timeless(after):
            assert self.server.version == max(self.past), "a write that changes nothing takes no version"
            return
        version = max(self.past) + 1
        assert self.server.version == version, "a write takes the next version"
        if after is None:
            del self.held[name]
        else:
            self.held[name] = replace(after, version=version)
        self.past[version] = dict(self.held)

    @rule(name=NAMES, data=DATA, finalizers=FINALIZERS)
    def create(self, name: str, data: dict[str, str], finalizers: tuple[str, ...]) -> None:
        data = {**data, **LABEL}
        body = object_of(data, name=name, finalizers=finalizers)
        code = 409 if name in self.held else 201
        self.expect(self.ask("POST", URL, body), code, name, replace(Held().written(data), finalizers=finalizers))

    @rule(name=NAMES, data=DATA, which=SEEN)
    def update(self, name: str, data: dict[str, str], which: str) -> None:
        held = self.held.get(name)
        data = {**data, **LABEL}
        finalizers = () if held is None else held.finalizers
        body = object_of(data, name=name, finalizers=finalizers, **self.version_seen(name, which))
        answer = self.ask("PUT", f"{URL}/{name}", body)
        code = 404 if held is None else 409 if which == "stale" else 200
        self.expect(answer, code, name, held and held.written(data))

    @precondition(lambda self: self.held)
    @rule(which_of=st.integers(0, 2), key=st.sampled_from("klm"), value=st.sampled_from(["1", "2", None]), which=SEEN)
    def patch(self, which_of: int, key: str, value: str | None, which: str) -> None:
        name = self.existing(which_of)
        held = self.held[name]
        body = {"metadata": self.version_seen(name, which), "data": {key: value}}
        answer = self.ask("PATCH", f"{URL}/{name}", body, MERGE)
        data = {k: v for k, v in {**held.data, key: value}.items() if v is not None}
        self.expect(answer, 409 if which == "stale" else 200, name, held.written(data))

    @rule(name=NAMES, manager=st.sampled_from(["one", "two"]), config=DATA, force=st.booleans())
    def apply(self, name: str, manager: str, config: dict[str, str], force: bool) -> None:
        held = self.held.get(name)
        config = {**config, **LABEL}
        body = object_of(config, name=name)
        query = urlencode({"fieldManager": manager, "force": str(force).lower()})
        answer = self.ask("PATCH", f"{URL}/{name}?{query}", body, APPLY)
        conflicts = [] if held is None or force else held.conflicts(manager, config)
        code = 409 if conflicts else 201 if held is None else 200
        self.expect(answer, code, name, (held or Held()).applied(manager, config))
        if conflicts:
            assert {cause["field"] for cause in answer[1]["details"]["causes"]} == {f".data.{key}" for key in conflicts}

    @precondition(lambda self: self.held)
    @rule(which_of=st.integers(0, 2), which=SEEN)
    def delete(self, which_of: int, which: str) -> None:
        name = self.existing(which_of)
        held = self.held[name]
        body = {"preconditions": self.version_seen(name, which)}
        after = replace(held, going=True) if held.finalizers else None
        self.expect(self.ask("DELETE", f"{URL}/{name}", body), 409 if which == "stale" else 200, name, after)

    @precondition(lambda self: self.held)
    @rule(which_of=st.integers(0, 2))
    def release(self, which_of: int) -> None:
        name = self.existing(which_of)
        held = self.held[name]
        left = held.finalizers[1:]
        answer = self.ask("PATCH", f"{URL}/{name}", {"metadata": {"finalizers": left}}, MERGE)
        self.expect(answer, 200, name, None if held.going and not left else replace(held, finalizers=left))

    # -- reading

    @rule(back=st.integers(0, 30))
    def replay(self, back: int) -> None:
        self.follow(max(self.start, self.server.version - back))

    def follow(self, version: int) -> None:
        """A watcher that starts at any version ends at the present, told of each version once and in order."""
        state = {name: held.shown for name, held in self.past[version].items()}
        told = []
        for event in self.frames(f"{URL}?watch=1&resourceVersion={version}&timeoutSeconds=1"):
            name, shown = event["object"]["metadata"]["name"], seen(event["object"])
            told.append(shown[-1])
            assert (event["type"] == "ADDED") == (name not in state)
            if event["type"] == "DELETED":
                # the last state there was, under the version of its end
                assert state.pop(name)[:-1] == shown[:-1]
            else:
                state[name] = shown
        assert told == list(range(version + 1, self.server.version + 1))
        assert state == {name: held.shown for name, held in self.held.items()}

    @rule(back=st.integers(0, 30), limit=st.integers(1, 3))
    def list_the_past(self, back: int, limit: int) -> None:
        version = max(self.start, self.server.version - back)
        query: dict[str, Any] = {"resourceVersion": version, "resourceVersionMatch": "Exact", "limit": limit}
        found: list[Any] = []
        while query:
            code, page = self.ask("GET", f"{URL}?{urlencode(query)}")
            assert (code, page["metadata"]["resourceVersion"]) == (200, str(version))
            found += page["items"]
            assert len(found) <= len(self.past[version]), "a page repeats what was told"
            following = page["metadata"].get("continue")
            query = {"continue": following, "limit": limit} if following else {}
        then = self.past[version]
        assert [(item["metadata"]["name"], seen(item)) for item in found] == [(n, then[n].shown) for n in sorted(then)]

    @invariant()
    def everything_is_there_and_owned(self) -> None:
        code, found = self.ask("GET", URL)
        assert (code, found["metadata"]["resourceVersion"]) == (200, str(self.server.version))
        assert {item["metadata"]["name"]: seen(item) for item in found["items"]} == {
            name: held.shown for name, held in self.held.items()
        }
        for item in found["items"]:
            assert owners_of(item) == self.held[item["metadata"]["name"]].owners


def _timeless(held: Held | None) -> Held | None:
    return held and replace(held, version=0)


StorageMachine.TestCase.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestStorage = StorageMachine.TestCase
