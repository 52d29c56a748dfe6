"""Alembic tells of its own workings at level info, which of a controller's log is noise: here they are debug."""

from __future__ import annotations

import logging

TALKATIVE = ("alembic.runtime.migration", "alembic.runtime.plugins")


def quieten() -> None:
    """Installed before alembic is imported: it logs while it is."""
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(_demoted)


def _demoted(record: logging.LogRecord) -> bool:
    if record.levelno != logging.INFO:
        return True
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger("kubernaut").isEnabledFor(logging.DEBUG)
