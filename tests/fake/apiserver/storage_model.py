"""What an API server must hold after a sequence of writes, as plainly as it can be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Owner = tuple[str, str]  # manager and operation
WRITER: Owner = ("writer", "Update")


@dataclass(frozen=True)
class Held:
    """One object: its data and labels (as `@key`), who owns each key of them, and how far its deletion is."""

    data: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, frozenset[Owner]] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    going: bool = False
    version: int = 0

    @property
    def shown(self) -> tuple[Any, ...]:
        """What a reader of the object sees."""
        return (dict(self.data), self.finalizers, self.going, self.version)

    def written(self, data: Mapping[str, str]) -> Held:
        """After an update to this data: who changes a key owns it alone."""
        owners = {key: self.owners[key] if self.data.get(key) == data[key] else frozenset([WRITER]) for key in data}
        return replace(self, data=dict(data), owners=owners)

    def conflicts(self, manager: str, config: Mapping[str, str]) -> list[str]:
        """The keys that others own, and that this configuration would change."""
        me = (manager, "Apply")
        changed = [key for key, value in config.items() if key in self.data and self.data[key] != value]
        return [key for key in changed if self.owners[key] - {me}]

    def applied(self, manager: str, config: Mapping[str, str]) -> Held:
        """After a forced apply: keys that nobody wants any more are gone."""
        me = (manager, "Apply")
        data, owners = dict(self.data), dict(self.owners)
        for key in list(data):
            if me in owners[key] and key not in config:
                owners[key] -= {me}
                if not owners[key]:
                    del data[key], owners[key]
        for key, value in config.items():
            others = owners.get(key, frozenset()) if data.get(key) == value else frozenset()
            data[key], owners[key] = value, others | {me}
        return replace(self, data=data, owners=owners)


def seen(obj: Mapping[str, Any]) -> tuple[Any, ...]:
    """The same of an object that the server told of."""
    metadata = obj["metadata"]
    finalizers = tuple(metadata.get("finalizers", ()))
    labels = {f"@{key}": value for key, value in metadata.get("labels", {}).items()}
    return (
        {**obj.get("data", {}), **labels},
        finalizers,
        "deletionTimestamp" in metadata,
        int(metadata["resourceVersion"]),
    )


def owners_of(obj: Mapping[str, Any]) -> dict[str, frozenset[Owner]]:
    """Who owns each key of the data and labels, as managedFields say."""
    found: dict[str, frozenset[Owner]] = {}
    for entry in obj["metadata"].get("managedFields", ()):
        fields = entry["fieldsV1"]
        labels = fields.get("f:metadata", {}).get("f:labels", {})
        paths = [*fields.get("f:data", {}), *(path.replace("f:", "f:@") for path in labels)]
        for path in paths:
            if path != ".":
                key = path.removeprefix("f:")
                found[key] = found.get(key, frozenset()) | {(entry["manager"], entry["operation"])}
    return found


def object_of(data: Mapping[str, str], **metadata: Any) -> dict[str, Any]:
    """A ConfigMap of that data and those labels."""
    labels = {key[1:]: value for key, value in data.items() if key.startswith("@")}
    plain = {key: value for key, value in data.items() if not key.startswith("@")}
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**metadata, "labels": labels}}
    # an empty mapping would be a field of its own
    return {**obj, "data": plain} if plain else obj
