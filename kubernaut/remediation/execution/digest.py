"""The digest of an execution's spec: what was validated and approved is what runs."""

from __future__ import annotations

import hashlib
import json

from kubernaut.resources import Model


def spec_digest(spec: Model) -> str:
    """`sha256:<hex>` of the spec as canonical JSON; unknown fields count, the order of keys does not."""
    document = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
