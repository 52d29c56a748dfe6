"""Structural schemas of custom resources, as pure functions on plain values."""

from kubernaut.fake.apiserver.patch.errors import Cause
from kubernaut.fake.apiserver.schema.defaults import apply_defaults
from kubernaut.fake.apiserver.schema.prune import prune
from kubernaut.fake.apiserver.schema.structural import check_structural
from kubernaut.fake.apiserver.schema.validate import validate

__all__ = ["Cause", "apply_defaults", "check_structural", "prune", "validate"]
