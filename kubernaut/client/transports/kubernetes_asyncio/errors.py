"""What is wrong with the way to a cluster: which file, which field, and what mends it."""

from __future__ import annotations

from kubernaut.client.errors import ClientError

__all__ = ["ConfigError"]


class ConfigError(ClientError, ValueError):
    """There is no usable configuration for a cluster. The message names the file, the context or field, and a fix."""

    def __init__(self, source: str, problem: str, *, field: str = "", fix: str = "") -> None:
        self.source = source
        """The file, or what else the configuration was read from."""
        self.field = field
        """The field at fault, such as ``users[admin].user.token``; empty when it is the whole."""
        where = f"{source}: {field}" if field else source
        super().__init__(f"{where}: {problem}" + (f". {fix}" if fix else ""))
