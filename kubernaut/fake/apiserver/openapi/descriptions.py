"""What built-in types and their fields mean, in Kubernetes' words: data made by tools/make_openapi_data.py."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from importlib import resources
from typing import Any

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    source = resources.files("kubernaut.fake.apiserver") / "data" / "descriptions.json.gz"
    data: dict[str, Any] = json.loads(gzip.decompress(source.read_bytes()))
    return data


def description(definition: str, field: str = "") -> str:
    """The text about a definition (`io.k8s.api.core.v1.Pod`) or one of its fields; empty where there is none."""
    place = _data()["types"].get(definition, {}).get(field)
    return "" if place is None else str(_data()["texts"][place])
