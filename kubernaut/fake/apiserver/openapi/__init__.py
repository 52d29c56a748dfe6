"""OpenAPI documents of what is served: built-in kinds from data, custom ones from their CRDs."""

from kubernaut.fake.apiserver.openapi.answers import answer
from kubernaut.fake.apiserver.openapi.descriptions import description

__all__ = ["answer", "description"]
