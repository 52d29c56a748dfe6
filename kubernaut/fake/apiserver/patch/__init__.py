"""The ways to change an API object, as pure functions on plain values."""

from kubernaut.fake.apiserver.patch.apply import server_side_apply
from kubernaut.fake.apiserver.patch.errors import ApplyConflict, Cause, PatchError
from kubernaut.fake.apiserver.patch.jsonpatch import json_patch
from kubernaut.fake.apiserver.patch.managedfields import track_update
from kubernaut.fake.apiserver.patch.merge import merge_patch, merge_patch_object
from kubernaut.fake.apiserver.patch.strategic import strategic_merge
from kubernaut.fake.apiserver.patch.types import builtin_type, crd_type

__all__ = [
    "ApplyConflict",
    "Cause",
    "PatchError",
    "builtin_type",
    "crd_type",
    "json_patch",
    "merge_patch",
    "merge_patch_object",
    "server_side_apply",
    "strategic_merge",
    "track_update",
]
