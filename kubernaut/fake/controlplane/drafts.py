"""Pods as they are sent to the server, where encoding the whole model each time would be most of the work."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import PrivateAttr

from kubernaut.fake.controlplane.views import PodView
from kubernaut.resources.builtin.core_v1 import Pod


class PodDraft(PodView):
    """A pod to create, encoded once: its owner may create any number of equal ones."""

    _json: bytes = PrivateAttr(b"")

    @classmethod
    def of(cls, pod: Pod) -> PodDraft:
        """Encode a pod."""
        draft = cls.from_dict({"metadata": {"namespace": pod.namespace}})
        draft._json = pod.to_json()
        return draft

    def to_json(self) -> bytes:
        """The pod it was made of."""
        return self._json


class OwnPod(Pod):
    """A pod of which only the status is written, by its kubelet."""

    def to_dict(self) -> dict[str, Any]:
        """Metadata, which a write of the status may change, and status; the server has the rest."""
        metadata = self.metadata.model_copy(update={"managed_fields": []}).to_dict()
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": self.status_dict()}

    def to_json(self) -> bytes:
        """As `to_dict`."""
        return msgspec.json.encode(self.to_dict())
