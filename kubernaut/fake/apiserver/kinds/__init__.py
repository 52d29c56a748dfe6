"""What single kinds do beyond the generic verbs: defaults, checks, deletion."""

from kubernaut.fake.apiserver.kinds.base import Kind
from kubernaut.fake.apiserver.kinds.table import kind_of

__all__ = ["Kind", "kind_of"]
