"""Single values that have made programs stumble: texts, documents, timeouts, references, names."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 65_536
INT64 = 2**63

TEXTS = [
    "a: !!bool maybe",
    "a: !!int ''",
    "a: !!timestamp x",
    "a: " + "1" * 5000,
    "[" * 30_000,
    "{a: " * 12_000,
    "a: &a [*a]",
    "a: \u0000",
    "? [1]\n: 2",
    "!!python/object:os.system x",
    "%YAML 9.9\n---\na: 1",
    "a: .inf",
    "<<: 5",
    "x" * LONGEST,
    "---\na: 1\n---\nb: 2",
    "",
    "[]",
    "5",
]

MANIFESTS = [
    json.dumps(each)
    for each in (
        {"kind": "ConfigMap"},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": []},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": 5}},
        {"apiVersion": "v1", "kind": {}, "metadata": {"name": "settings"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": ["default"]}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "kube-system"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "../secrets/x"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "--force"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "uid": "1"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "settings"}},
        {"apiVersion": "v1", "kind": "List", "items": []},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "settings"}},
    )
]

_PATCHES: list[Any] = [
    {"metadata": {"uid": "1"}},
    {"metadata": None},
    {"metadata": []},
    {"status": {}},
    {"kind": "Secret"},
    {},
    [],
    [5],
    [{"op": "grow", "path": "/data"}],
    [{"op": "add", "path": ["data"]}],
    [{"op": "move", "path": "/data/a"}],
    {"$patch": "delete"},
    {"metadata": {"$patch": "replace", "name": "x"}},
]
PATCHES = [json.dumps(each) for each in _PATCHES]

TIMEOUTS = ["0s", "-5s", "0", "-0s", "5m1ms", "301s", "87600h", "1ns1", "P1D", "1e9s", "", "9" * 400 + "h", "1s" * 999]
TIMEOUTS += ["-9999999h", "9999999h", "0.0000001ns", "30", "30s\n", "\u0663\u0660s"]

OPTIONS: list[dict[str, Any]] = [
    {"maxRetries": -1},
    {"maxRetries": 11},
    {"maxRetries": "3"},
    {"maxRetries": 1.5},
    {"maxRetries": INT64},
    {"dryRun": "Never"},
    {"dryRun": True},
    {"parameters": []},
    {"parameters": {f"p{number}": 1 for number in range(33)}},
    {"parameters": {"n" * 64: 1}},
    {"workflowExecutionRef": {}},
    {"workflowExecutionRef": "wf"},
    {"requestedBy": {"username": ""}},
    {"requestedBy": {"username": "ann", "groups": "sre"}},
    {"requestedBy": {"username": "ann", "groups": ["g"] * 257}},
    {"requestedBy": {"groups": ["system:masters"]}},
]

NAME = "NAME"
"""In place of the execution's own name, which is known later."""

REFERENCES: list[Any] = [
    {"name": NAME},
    {"name": NAME, "force": True},
    {"name": "gone"},
    {"name": "gone", "uid": "1"},
    {"name": ""},
    {"name": "../../pods/x"},
    {"name": "Not A Name"},
    {"name": "."},
    {"name": ".."},
    {"name": "x?watch=true"},
    {"name": "%2e%2e"},
    {"name": NAME, "namespace": "kube-system"},
    {"name": NAME, "force": "yes"},
    {"uid": "1"},
    "before",
]

NAMES = ("", "-", "Upper", "a_b", "a" * 254, "a..b", ".a", "a/b", "ä", "a b", "\N{ROCKET}", "a\u0000", 5, None, ["a"])
