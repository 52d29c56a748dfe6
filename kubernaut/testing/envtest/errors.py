"""What goes wrong with a test environment."""

from __future__ import annotations

__all__ = ["EnvTestError"]


class EnvTestError(Exception):
    """Raised when the control plane cannot be started or does not do what was asked; holds the tail of the log of the
    program at fault, if there is one."""
