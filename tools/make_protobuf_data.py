"""Makes kubernaut/fake/apiserver/data/protobuf.json.gz (a development tool).

Reads the struct tags of git repositories of kubernetes/api and kubernetes/apimachinery: number, JSON name and form of
every field of the kinds that the fake serves.

    python tools/make_protobuf_data.py API_REPOSITORY APIMACHINERY_REPOSITORY
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parent.parent / "kubernaut/fake/apiserver/data"
TARGET = DATA / "protobuf.json.gz"
META = "meta/v1"
SCALARS = {"string": "s", "bool": "b", "int": "i", "int32": "i", "int64": "i", "uint32": "i", "float64": "d"}
SPECIAL = {
    "meta/v1.Time": "t",
    "meta/v1.MicroTime": "u",
    "meta/v1.Duration": "D",
    "meta/v1.FieldsV1": "r",
    "resource.Quantity": "q",
    "intstr.IntOrString": "o",
    "runtime.RawExtension": "r",
    "types.UID": "s",
    "types.NodeName": "s",
}
STRUCT = re.compile(r"^type (\w+) struct ?\{(?:\}|\n(.*?)^\})", re.MULTILINE | re.DOTALL)
ALIAS = re.compile(r"^type (\w+) ([^\s{]+)$", re.MULTILINE)
FIELD = re.compile(r"^\t(?:\w+\s+)?(\S+)\s+`([^`]*)`", re.MULTILINE)
TAG = re.compile(r'(\w+):"([^"]*)"')
IMPORT = re.compile(r'^\t(?:(\w+) )?"k8s\.io/([\w./-]+)"$', re.MULTILINE)


def show(repository: str, path: str) -> str:
    """A file of the newest commit; empty where it has none."""
    command = ["git", "-C", repository, "show", f"HEAD:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


class Package:
    """One Go package: its structs, its named other types, what it imports."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.structs = {found[1]: found[2] or "" for found in STRUCT.finditer(source)}
        self.aliases = {found[1]: found[2] for found in ALIAS.finditer(source)}
        self.imports: dict[str, str] = {}
        for alias, path in IMPORT.findall(source):
            *_, last = path.split("/")
            folder = "/".join(path.split("/")[-2:])
            self.imports[alias or last] = folder if re.fullmatch(r"v\d+\w*", last) else last

    def code(self, go: str, packages: dict[str, Package]) -> str:
        """The form of a Go type, as `kubernaut.fake.apiserver.protobuf.types` reads it."""
        if go == "[]byte":
            return "y"
        if go.startswith("*"):
            return "*" + self.code(go[1:], packages)
        if go.startswith("[]"):
            return "[" + self.code(go[2:], packages)
        if go.startswith("map["):
            return "{" + self.code(go.partition("]")[2], packages)
        if go in SCALARS:
            return SCALARS[go]
        prefix, _, name = go.rpartition(".")
        home = self.imports.get(prefix, prefix) if prefix else self.name
        full = f"{home}.{name}"
        if full in SPECIAL:
            return SPECIAL[full]
        owner = packages.get(home)
        if owner is None:
            return "x"  # of a version that is not served
        if name in owner.structs:
            return full
        target = owner.aliases[name]
        # A named list is a message of its own on the wire.
        return "E" if target == "[]string" else owner.code(target, packages)


def message(package: Package, body: str, packages: dict[str, Package]) -> dict[str, str]:
    """JSON name -> number, `!` where zero is written out, form; the name of an inlined struct starts with `+`."""
    fields: dict[str, str] = {}
    for go, text in FIELD.findall(body):
        tags = dict(TAG.findall(text))
        name, *options = tags.get("json", "-").split(",")
        proto = tags.get("protobuf", "-")
        if name == "-" or proto == "-":
            continue
        number = proto.split(",")[1]
        if not name:
            fields[f"+{number}"] = number + package.code(go.lstrip("*"), packages)
            continue
        fields[name] = number + ("" if "omitempty" in options else "!") + package.code(go, packages)
    return fields


def read_packages(api: str, machinery: str) -> dict[str, Package]:
    """The packages of the served group versions, and meta/v1."""
    served = json.loads((DATA / "builtin.json").read_text())
    packages = {META: Package(META, show(machinery, "pkg/apis/meta/v1/types.go"))}
    packages["runtime"] = Package("runtime", "")
    for group_version in served:
        group, _, version = group_version.rpartition("/")
        folder = f"{group.split('.')[0] or 'core'}/{version}"
        source = show(api, f"{folder}/types.go")
        if source:
            packages[folder] = Package(folder, source)
    return packages


def main(api: str, machinery: str) -> None:
    """Write the data file."""
    packages = read_packages(api, machinery)
    messages: dict[str, dict[str, str]] = {}
    for package in packages.values():
        for name, body in sorted(package.structs.items()):
            messages[f"{package.name}.{name}"] = message(package, body, packages)
    text = json.dumps(messages, separators=(",", ":"))
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{TARGET}: {TARGET.stat().st_size} bytes, {len(messages)} messages")


if __name__ == "__main__":
    main(*sys.argv[1:])
