"""Pod templates: their hash, whether two are the same, and the pod made of one. Pure functions."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from kubernaut.resources import ObjectMeta, Resource
from kubernaut.resources.builtin.core_v1 import Pod
from kubernaut.resources.builtin.pods import PodTemplateSpec

HASH_LABEL = "pod-template-hash"
# Kubernetes' alphabet for generated names: no vowels and no look-alikes, so that no words come out.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: PodTemplateSpec, collisions: int = 0) -> str:
    """Ten letters that depend only on the template and on how often such a name was taken by a stranger."""
    text = json.dumps(comparable(template), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{text}/{collisions}".encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])


def comparable(template: PodTemplateSpec) -> dict[str, Any]:
    """The template without the hash label, which the ReplicaSet's own copy carries."""
    data = template.to_dict()
    labels = data.get("metadata", {}).get("labels", {})
    labels.pop(HASH_LABEL, None)
    return data


def pod_from(template: PodTemplateSpec, owner: Resource) -> Pod:
    """A new pod of the owner, named by the server after the owner."""
    meta = template.metadata
    metadata = ObjectMeta(
        generate_name=f"{owner.name}-",
        namespace=owner.namespace,
        labels=dict(meta.labels),
        annotations=dict(meta.annotations),
        finalizers=list(meta.finalizers),
        owner_references=[owner.owner_reference()],
    )
    return Pod(metadata=metadata, spec=template.spec.model_copy(deep=True))
