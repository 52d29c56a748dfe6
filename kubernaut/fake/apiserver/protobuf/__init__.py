"""Request bodies in protobuf, which typed Go clients send for built-in kinds."""

from kubernaut.fake.apiserver.protobuf.envelope import MEDIA_TYPE, as_json

__all__ = ["MEDIA_TYPE", "as_json"]
