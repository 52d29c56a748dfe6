"""Rego bundles on disk: reading them, their digest, and the refusal of rules that depend on more than their input."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernaut.policy.evaluator import BundleError

DEFAULT_BUNDLE = Path(__file__).parent / "bundles" / "default"

# Each makes a decision depend on something besides its input, so it could neither be repeated nor run on virtual time.
REFUSED_BUILTINS: dict[str, str] = {
    "http.send": "a decision may not wait for the network; put what it needs into the input",
    "time.now_ns": "it reads the machine's clock; use input.time",
    "opa.runtime": "it reads the process environment; use data.settings",
    "rand.intn": "a decision must be repeatable",
    "uuid.rfc4122": "a decision must be repeatable",
    "net.lookup_ip_addr": "a decision may not wait for the network",
}
_TOKEN = re.compile(r"#[^\n]*|`[^`]*`|\"(?:\\.|[^\"\\\n])*\"")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Rules and where they came from: `modules` by file name, their tests apart, the settings from `data.json`."""

    path: Path | str
    modules: dict[str, str]
    tests: dict[str, str]
    data: dict[str, Any]
    revision: str


def load_bundle(path: Path | None = None, *, settings: dict[str, Any] | None = None) -> Bundle:
    """Read every `*.rego` under `path` (the shipped bundle by default) and its `data.json`.

    `settings` replaces single keys of `data.settings`. The revision is a SHA-256 over names, sources and data, tests
    left out. Raises BundleError when there is nothing to read, or a file uses a refused builtin.
    """
    root = path or DEFAULT_BUNDLE
    try:
        sources = {file.relative_to(root).as_posix(): file.read_text("utf-8") for file in sorted(root.rglob("*.rego"))}
        data_file = root / "data.json"
        data = json.loads(data_file.read_text("utf-8")) if data_file.is_file() else {}
    except (OSError, ValueError) as error:
        raise BundleError(f"policy bundle {root}: {error}") from error
    return bundle_of(root, sources, data, settings=settings)


def bundle_of(
    path: Path | str, sources: dict[str, str], data: Any, *, settings: dict[str, Any] | None = None
) -> Bundle:
    """The bundle of rules that were read already, by file name; `data`: what `data.json` holds. Raises BundleError."""
    if not isinstance(data, dict):
        raise BundleError(f"policy bundle {path}: data.json must hold an object")
    modules = {name: text for name, text in sources.items() if not name.endswith("_test.rego")}
    if not modules:
        raise BundleError(f"policy bundle {path}: no .rego files there")
    for name, text in sources.items():
        refuse_builtins(name, text)
    if settings:
        data = {**data, "settings": {**data.get("settings", {}), **settings}}
    tests = {name: text for name, text in sources.items() if name not in modules}
    return Bundle(path, modules, tests, data, _digest(modules, data))


def refuse_builtins(name: str, source: str) -> None:
    """Raise BundleError, with file, line and remedy, when `source` calls a builtin of REFUSED_BUILTINS."""
    code = _TOKEN.sub(lambda match: _blank(source, match), source)
    for builtin, remedy in REFUSED_BUILTINS.items():
        space, function = (re.escape(part) for part in builtin.split("."))
        pattern = rf"(?<![\w.]){space}\s*(?:\.\s*{function}\b|\[\s*[\"`]{function}[\"`]\s*\])"
        if found := re.search(pattern, code):
            line = code.count("\n", 0, found.start()) + 1
            raise BundleError(f"{name}:{line}: {builtin} is refused: {remedy}")


def _blank(source: str, match: re.Match[str]) -> str:
    """Empty comments and strings, but keep `time["now_ns"]`; newlines stay, so that line numbers hold."""
    text = match.group()
    if not text.startswith("#") and source[: match.start()].rstrip().endswith("["):
        return text
    return "\n" * text.count("\n")


def _digest(modules: dict[str, str], data: dict[str, Any]) -> str:
    content = json.dumps({"modules": modules, "data": data}, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()[:16]
