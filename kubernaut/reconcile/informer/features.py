"""What one API server is known to do, shared by all informers of a cache."""

from __future__ import annotations

from kubernaut.resources import ResourceType


class ServerFeatures:
    """Remembers by resource what the server does, so that nothing is asked for twice that it refuses.

    `streaming=False`: no informer asks for a streaming list.
    """

    def __init__(self, *, streaming: bool = True) -> None:
        self._streaming = streaming
        self._lists_only: dict[str, None] = {}
        self._bookmarks: dict[str, None] = {}

    def streams(self, rt: ResourceType) -> bool:
        """Whether to ask for a streaming list of the kind."""
        return self._streaming and _name(rt) not in self._lists_only

    def no_streams(self, rt: ResourceType) -> None:
        """The server refused a streaming list of the kind, or never sent its end."""
        self._lists_only[_name(rt)] = None

    def bookmarks(self, rt: ResourceType) -> bool:
        """Whether watches of the kind send bookmarks when nothing happens."""
        return _name(rt) in self._bookmarks

    def saw_bookmark(self, rt: ResourceType) -> None:
        """A watch of the kind sent a bookmark."""
        self._bookmarks[_name(rt)] = None

    def forget_bookmarks(self, rt: ResourceType) -> None:
        """A watch of the kind was silent from its beginning: a restarted server sends none until something happens."""
        self._bookmarks.pop(_name(rt), None)


def _name(rt: ResourceType) -> str:
    return f"{rt.group_resource}/{rt.version}"
