"""The ways to change an API object, as pure functions on plain values."""

from kubernaut.fake.apiserver.patch.errors import ApplyConflict, Cause, PatchError
from kubernaut.fake.apiserver.patch.jsonpatch import json_patch
from kubernaut.fake.apiserver.patch.merge import merge_patch, merge_patch_object

__all__ = [
    "ApplyConflict",
    "Cause",
    "PatchError",
    "json_patch",
    "merge_patch",
    "merge_patch_object",
]
