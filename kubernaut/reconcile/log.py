"""Structured logs over the standard library's `logging`, which the embedding program configures or not."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, cast

import structlog
from structlog.stdlib import BoundLogger


def _render(logger: Any, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    exc_info = event.pop("exc_info", None)
    message = str(event.pop("event", ""))
    pairs = " ".join(f"{key}={value}" for key, value in event.items())
    # The percent sign would be read as a format by logging only if there were arguments: there are none.
    return (f"{message} {pairs}".rstrip(),), {"exc_info": exc_info, "extra": {"kubernaut": dict(event)}}


def logger(name: str) -> BoundLogger:
    """A bound logger that writes to `logging.getLogger(name)`; keys end up in the text and in `record.kubernaut`."""
    return cast(
        BoundLogger,
        structlog.wrap_logger(
            logging.getLogger(name),
            processors=[structlog.stdlib.filter_by_level, _render],
            wrapper_class=BoundLogger,
            context_class=dict,
            cache_logger_on_first_use=True,
        ),
    )
