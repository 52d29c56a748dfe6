"""Which field of which type has which number: data made by tools/make_protobuf_data.py."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

_META: Final = "meta/v1"
# Kinds that are sent under the group version of what they are about.
_SHARED: Final = ("DeleteOptions", "ListOptions", "CreateOptions", "UpdateOptions", "PatchOptions", "GetOptions")
_CODE: Final = re.compile(r"(\d+)(!?)(\*?)(\[|\{|)(\*?)(.+)")


@dataclass(frozen=True, slots=True)
class Form:
    """How one field is written.

    `name` in JSON, "" for a struct whose fields stand in its owner's place. `keeps_zero`: zero is written in JSON, too.
    `container` is "[", "{" or "". `of` is one letter for what is no message, else the message's name: s string, i
    integer, b boolean, d number, y bytes, t time, u time with microseconds, D duration, q quantity, o integer or
    string, r JSON as bytes, E list of strings, x not known here.
    """

    name: str
    keeps_zero: bool
    container: str
    of: str

    @property
    def is_message(self) -> bool:
        return "." in self.of


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Mapping[str, str]]:
    source = resources.files("kubernaut.fake.apiserver") / "data" / "protobuf.json.gz"
    data: Mapping[str, Mapping[str, str]] = json.loads(gzip.decompress(source.read_bytes()))
    return data


@lru_cache(maxsize=512)
def message(name: str) -> dict[int, Form]:
    """The fields of a message, such as `apps/v1.DeploymentSpec`, by number."""
    forms: dict[int, Form] = {}
    for field, code in _data()[name].items():
        found = _CODE.fullmatch(code)
        assert found is not None, (name, code)
        number, always, pointer, container, _, of = found.groups()
        shown = "" if field.startswith("+") else field
        forms[int(number)] = Form(shown, bool(always or pointer), container, of)
    return forms


def type_name(api_version: str, kind: str) -> str | None:
    """The message of a kind; None for kinds that have no known one."""
    if kind in _SHARED:
        return f"{_META}.{kind}"
    group, _, version = api_version.rpartition("/")
    name = f"{group.partition('.')[0] or 'core'}/{version}.{kind}"
    return name if name in _data() else None
