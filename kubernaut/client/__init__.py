"""The client: typed verbs over a transport.

Example::

    async with Client(transport) as client:
        pod = await client.get(Pod, "web-0", namespace="shop")
"""

from kubernaut.client.client import Client
from kubernaut.client.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    ClientError,
    Conflict,
    Expired,
    Forbidden,
    GatewayTimeout,
    Gone,
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    ServerTimeout,
    ServiceUnavailable,
    StatusCause,
    Timeout,
    TooManyRequests,
    TransportError,
    TransportTimeout,
    Unauthorized,
    UnsupportedMediaType,
    error_from_object,
    error_from_status,
)
from kubernaut.client.frames import ObjectHead, OwnerHead, RawFrame, RawFrames, RawPage, decode_head, decode_page
from kubernaut.client.memory import ApplyMemory
from kubernaut.client.patches import ApplyPatch, JsonPatch, MergePatch, Patch, StrategicMergePatch
from kubernaut.client.results import RawResponse, ResourceList, WatchEvent, WatchEvents, Written
from kubernaut.client.transport import HeaderValue, Transport, TransportRequest, TransportResponse

__all__ = [
    "AlreadyExists",
    "ApiError",
    "ApplyMemory",
    "ApplyPatch",
    "BadRequest",
    "Client",
    "ClientError",
    "Conflict",
    "Expired",
    "Forbidden",
    "GatewayTimeout",
    "Gone",
    "HeaderValue",
    "InternalError",
    "Invalid",
    "JsonPatch",
    "MergePatch",
    "MethodNotAllowed",
    "NotFound",
    "ObjectHead",
    "OwnerHead",
    "Patch",
    "RawFrame",
    "RawFrames",
    "RawPage",
    "RawResponse",
    "RequestEntityTooLarge",
    "ResourceList",
    "ServerTimeout",
    "ServiceUnavailable",
    "StatusCause",
    "StrategicMergePatch",
    "Timeout",
    "TooManyRequests",
    "Transport",
    "TransportError",
    "TransportRequest",
    "TransportResponse",
    "TransportTimeout",
    "Unauthorized",
    "UnsupportedMediaType",
    "WatchEvent",
    "WatchEvents",
    "Written",
    "decode_head",
    "decode_page",
    "error_from_object",
    "error_from_status",
]
