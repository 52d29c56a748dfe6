"""End states in a form that can be compared: without what differs between two right runs, and the diff of two."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import yaml

from kubernaut.fake.apiserver.snapshot import Stored
from kubernaut.testing.exploration.outside import Outside
from kubernaut.testing.exploration.scenario import Scenario
from kubernaut.testing.exploration.site import EVENTS, Site
from kubernaut.testing.exploration.strikes import TOUCHED

__all__ = ["EndState", "diff", "end_state"]

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"(?<![0-9a-z])[0-9a-f]{8,32}(?![0-9a-z])")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
SHOWN = 15
"""Lines of an object that is missing, or one too many."""
_SERVER_METADATA = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")


@dataclass(frozen=True, slots=True)
class EndState:
    """The objects by "Kind namespace/name", and the systems outside by name, as YAML-like values."""

    objects: Mapping[str, Any]

    def __str__(self) -> str:
        return yaml.safe_dump_all([{name: obj} for name, obj in self.objects.items()], sort_keys=False)


def end_state(scenario: Scenario, site: Site, outside: Outside) -> EndState:
    """What there is now, normalised: no uids, versions, times, generated names, events, ignored paths."""
    names = _Names(site)
    found: dict[str, Any] = {}
    for kind in sorted(site.snapshot.changed()):
        if kind == EVENTS:
            continue
        originals = _originals(site, kind)
        for stored in site.storage.iterate(kind):
            if site.snapshot.holds(kind, stored):
                continue
            obj = _without(names.normal(stored), scenario.ignore)
            if obj is None or _as_before(obj, originals.get(stored.uid), names, scenario):
                continue
            title, number = names.title(stored), 1
            while (title if number == 1 else f"{title} ({number})") in found:
                number += 1
            found[title if number == 1 else f"{title} ({number})"] = obj
    for stored in _gone(site):
        if (obj := _without(stored.decode(), scenario.ignore)) is not None:
            found[names.title(stored)] = {"kind": obj["kind"], "deleted": True}
    for name, state in outside.dump().items():
        found[f"outside: {name}"] = names.plain(msgspec.to_builtins(state))
    return EndState(dict(sorted(found.items())))


def _originals(site: Site, kind: str) -> Mapping[str, Stored]:
    """What objects were at the start that have been written since, by uid."""
    found: dict[str, Stored] = {}
    for event in site.storage.table(kind).log:
        before = event.previous
        if event.version > site.first and before is not None and before.version <= site.first:
            found.setdefault(before.uid, before)
    return found


def _as_before(obj: Any, original: Stored | None, names: _Names, scenario: Scenario) -> bool:
    return original is not None and _without(names.normal(original), scenario.ignore) == obj


def _gone(site: Site) -> Iterator[Stored]:
    """Objects that were there from the start and are no more, nor any other in their place."""
    for kind in sorted(site.snapshot.changed()):
        log = [event for event in site.storage.table(kind).log if event.version > site.first]
        made = dict.fromkeys(event.object.uid for event in log if event.type == "ADDED")
        for event in log if kind != EVENTS else ():
            stored = event.object
            there = site.storage.get(kind, stored.namespace, stored.name)
            if event.type == "DELETED" and stored.uid not in made and there is None:
                yield stored


def diff(expected: EndState, found: EndState) -> str:
    """What is different, object by object, as a unified diff; "" for equal states."""
    lines: list[str] = []
    for name in sorted({**expected.objects, **found.objects}):
        before, after = expected.objects.get(name), found.objects.get(name)
        if before != after:
            lines += _object_diff(name, before, after)
    return "\n".join(lines)


def _object_diff(name: str, before: Any, after: Any) -> Sequence[str]:
    if before is None or after is None:
        sign, told = ("-", "is missing") if after is None else ("+", "should not be there")
        text = _text(before if after is None else after)
        more = [f"  ... {len(text) - SHOWN} lines more"] if len(text) > SHOWN else []
        return [f"{name} {told}:", *(f"{sign} {line}" for line in text[:SHOWN]), *more]
    changes = difflib.unified_diff(_text(before), _text(after), lineterm="", n=2)
    return [f"{name} differs (- undisturbed, + this run):", *list(changes)[2:]]


def _text(obj: Any) -> list[str]:
    return yaml.safe_dump(obj, sort_keys=True, default_flow_style=False).splitlines()


# Most objects are those that were there from the start, in every run.
@lru_cache(maxsize=1000)
def _origin(data: bytes) -> tuple[str, str]:
    """The kind of an object, and what its name was generated from; "" where it was not."""
    obj = msgspec.json.decode(data)
    return obj["kind"], obj["metadata"].get("generateName") or ""


class _Names:
    """What to call uids and generated names: by the objects that they belong to."""

    def __init__(self, site: Site) -> None:
        self._digits: dict[str, str] = {}
        self._generated: dict[str, str] = {}
        self._uids: dict[str, str] = {}
        for kind in site.storage.kinds():
            for event in site.storage.table(kind).log:
                if event.type == "ADDED" and kind != EVENTS:
                    self._learn(event.object)

    def _learn(self, stored: Stored) -> None:
        kind, base = _origin(stored.data)
        if base and stored.name.startswith(base):
            self._generated[stored.name] = f"{base}<generated>"
        self._uids[stored.uid] = f"<uid of {kind} {self._generated.get(stored.name, stored.name)}>"
        self._digits[stored.uid.replace("-", "")] = f"<uid of {kind}>"

    def title(self, stored: Stored) -> str:
        """What an object is called in end states."""
        kind = msgspec.json.decode(stored.data)["kind"]
        name = self.plain(stored.name)
        return f"{kind} {stored.namespace}/{name}" if stored.namespace else f"{kind} {name}"

    def normal(self, stored: Stored) -> dict[str, Any]:
        """One object without what differs from run to run."""
        obj = stored.decode()
        meta = obj["metadata"]
        generation = meta.get("generation")
        for name in _SERVER_METADATA:
            meta.pop(name, None)
        if annotations := meta.get("annotations"):
            annotations.pop(TOUCHED, None)
            if not annotations:
                del meta["annotations"]
        _observed(obj, generation)
        _sorted(obj.get("status"))
        plain: dict[str, Any] = self.plain(obj)
        return plain

    def plain(self, value: Any) -> Any:
        """A value with times, uids and generated names replaced."""
        if isinstance(value, str):
            return self._plain_text(value)
        if isinstance(value, dict):
            return {self.plain(key): self.plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        return value

    def _plain_text(self, text: str) -> str:
        if (generated := self._generated.get(text)) is not None:
            return generated
        if len(text) < 8:
            return text
        text = _TIME.sub("<time>", text)
        text = _UID.sub(lambda found: self._uids.get(found[0], "<uid>"), text)
        text = _HEX.sub(self._digits_of, text)
        for name, shown in self._generated.items():
            text = text.replace(name, shown)
        return text

    def _digits_of(self, found: re.Match[str]) -> str:
        return next((shown for uid, shown in self._digits.items() if uid.startswith(found[0])), found[0])


def _observed(value: Any, generation: Any) -> None:
    """Say of each observedGeneration whether it is the present one: generations themselves differ."""
    if isinstance(value, dict):
        if "observedGeneration" in value:
            value["observedGeneration"] = "current" if value["observedGeneration"] == generation else "old"
        for item in value.values():
            _observed(item, generation)
    elif isinstance(value, list):
        for item in value:
            _observed(item, generation)


def _sorted(status: Any) -> None:
    """Conditions are known by their types: who wrote first decides on their order, and it says nothing."""
    conditions = status.get("conditions") if isinstance(status, dict) else None
    if isinstance(conditions, list) and all(isinstance(each, dict) and "type" in each for each in conditions):
        conditions.sort(key=lambda each: str(each["type"]))


def _without(obj: dict[str, Any], ignored: Sequence[str]) -> dict[str, Any] | None:
    """The object without ignored paths; None where its kind is ignored."""
    for path in ignored:
        first, _, rest = path.partition(".")
        if first == obj["kind"]:
            if not rest:
                return None
            _remove(obj, rest.split("."))
        else:
            _remove(obj, path.split("."))
    return obj


def _remove(value: Any, parts: Sequence[str]) -> None:
    if isinstance(value, list):
        for item in value:
            _remove(item, parts)
    elif isinstance(value, dict):
        if len(parts) == 1:
            value.pop(parts[0], None)
        else:
            _remove(value.get(parts[0]), parts[1:])
