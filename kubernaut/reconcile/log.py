"""Structured logs over the standard library's `logging`, which the embedding program configures or not."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from contextvars import Token
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TextIO, cast

import structlog
from structlog.contextvars import bind_contextvars, get_contextvars, reset_contextvars
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import Processor

__all__ = ["ContextFilter", "LoggingSetup", "bound", "configure_logging", "logger"]

EventDict = MutableMapping[str, Any]

BOUND = ("controller", "object", "cluster", "reconcile_id")


def _context() -> dict[str, Any]:
    """What is bound, in a fixed order: that of a context is the order of addresses in memory."""
    found = get_contextvars()
    return {key: found[key] for key in (*BOUND, *sorted(found.keys() - set(BOUND))) if key in found}


def _render(logger: Any, method: str, event: EventDict) -> tuple[tuple[str], dict[str, Any]]:
    exc_info = event.pop("exc_info", None)
    message = str(event.pop("event", ""))
    keys = {**_context(), **event}
    pairs = " ".join(f"{key}={value}" for key, value in keys.items())
    extra = {"kubernaut": keys, "kubernaut_message": message}
    # The percent sign would be read as a format by logging only if there were arguments: there are none.
    return (f"{message} {pairs}".rstrip(),), {"exc_info": exc_info, "extra": extra}


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


class bound:
    """Within it, each line written by this task, and by what it starts, carries these keys.

        with bound(controller="widget", object=request, reconcile_id="5f2c"):
            ...

    They are structlog's context variables: `kubernaut` loggers always show them; `structlog.get_logger()` and plain
    `logging` loggers do where `configure_logging`, the host's `merge_contextvars` or a `ContextFilter` is in use. Keys
    that are "" are left out. Enter and leave it in one task.
    """

    __slots__ = ("_keys", "_tokens")

    def __init__(self, *, controller: str, object: object, reconcile_id: str, cluster: str = "") -> None:
        keys = {"controller": controller, "object": str(object), "reconcile_id": reconcile_id}
        if cluster:
            keys["cluster"] = cluster
        self._keys = keys

    def __enter__(self) -> None:
        self._tokens = cast("dict[str, Token[Any]]", bind_contextvars(**self._keys))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        reset_contextvars(**self._tokens)


class ContextFilter(logging.Filter):
    """For a handler of the host's own: puts the keys of `bound` into each record, as the mapping `record.kubernaut`."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass."""
        if not hasattr(record, "kubernaut"):
            record.kubernaut = _context()
        return True


class LoggingSetup:
    """What `configure_logging` did; `undo()`, or leaving it as a context, puts everything back as it was."""

    current: ClassVar[LoggingSetup | None] = None
    """The one in effect: what it sets belongs to the process, so there is one at most."""

    def __init__(self, target: logging.Logger, handler: logging.Handler, level: int | str) -> None:
        self.handler = handler
        self._target = target
        self._level = target.level
        self._propagate = target.propagate
        self._structlog = structlog.get_config() if structlog.is_configured() else None
        self._processors = _structlog_processors()
        target.addHandler(handler)
        target.setLevel(level)
        if target is not logging.getLogger():
            target.propagate = False  # the root's handlers would write each line again
        structlog.configure(
            processors=self._processors,
            wrapper_class=BoundLogger,
            context_class=dict,
            logger_factory=_factory(),
            cache_logger_on_first_use=False,
        )

    def undo(self) -> None:
        """Take the handler away and restore level and structlog; harmless the second time."""
        if LoggingSetup.current is not self:
            return
        LoggingSetup.current = None
        self._target.removeHandler(self.handler)
        self._target.setLevel(self._level)
        self._target.propagate = self._propagate
        if structlog.get_config()["processors"] is not self._processors:
            return  # somebody has configured structlog since: theirs stays
        if self._structlog is None:
            structlog.reset_defaults()
        else:
            structlog.configure(**self._structlog)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.undo()


def configure_logging(
    format: Literal["console", "json"] = "console",
    level: int | str = "INFO",
    *,
    stream: TextIO | None = None,
    name: str | None = None,
) -> LoggingSetup:
    """Write all logs of the process in one form: for programs that are controllers and nothing else.

    Sets a handler on the root logger (or on the logger `name` alone, say "kubernaut") that writes to `stream`, stderr
    by default, and makes structlog write through `logging`. Lines of plain `logging` loggers and of
    `structlog.get_logger()` then carry the same keys, those of `bound` included. "json": one object a line, a
    traceback in the field `exception`. Handlers that are there stay. Calling it again replaces the former setup.

    Raises ValueError for another format or an unknown level.
    """
    if format not in ("console", "json"):
        raise ValueError(f'the format is "console" or "json", not {format!r}')
    target = logging.getLogger(name)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(format, colors=handler.stream.isatty()))
    checked: int = logging.Handler(level).level
    if LoggingSetup.current is not None:
        LoggingSetup.current.undo()
    LoggingSetup.current = LoggingSetup(target, handler, checked)
    return LoggingSetup.current


def _factory() -> structlog.stdlib.LoggerFactory:
    """structlog's factory, without the class of loggers that it sets for the whole process when it is made."""
    before = logging.getLoggerClass()
    try:
        return structlog.stdlib.LoggerFactory()
    finally:
        logging.setLoggerClass(before)


def _structlog_processors() -> list[Processor]:
    return [
        structlog.stdlib.filter_by_level,
        _with_context,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        ProcessorFormatter.wrap_for_formatter,
    ]


def _formatter(format: Literal["console", "json"], *, colors: bool) -> ProcessorFormatter:
    renderers: list[Processor]
    if format == "json":
        renderers = [structlog.processors.format_exc_info, _ordered, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        renderers = [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    return ProcessorFormatter(
        foreign_pre_chain=[
            _from_logging,
            _with_context,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
        ],
        processors=[_stamped, ProcessorFormatter.remove_processors_meta, *renderers],
    )


_add_extra = structlog.stdlib.ExtraAdder()


def _from_logging(logger: Any, method: str, event: EventDict) -> EventDict:
    """The keys of a record that came through `logging`: ours as they were before they became text, others' `extra`."""
    record: logging.LogRecord = event["_record"]
    keys = getattr(record, "kubernaut", None)
    message = getattr(record, "kubernaut_message", None)
    if keys is None or message is None:
        event = _add_extra(logger, method, event)
        # What a filter of ours and the formatter of another handler have left on the record is no extra.
        for key in ("kubernaut", "message", "asctime"):
            event.pop(key, None)
        return event
    event.update(keys)
    event["event"] = message
    return event


def _with_context(logger: Any, method: str, event: EventDict) -> EventDict:
    """What is bound, unless the line says otherwise."""
    return {**_context(), **event}


def _stamped(logger: Any, method: str, event: EventDict) -> EventDict:
    """The time of the record, in UTC: that of the rendering may be later."""
    stamp = datetime.fromtimestamp(event["_record"].created, UTC)
    event["timestamp"] = stamp.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return event


def _ordered(logger: Any, method: str, event: EventDict) -> EventDict:
    """What people look for first comes first."""
    first = ("timestamp", "level", "logger", "event")
    return {key: event[key] for key in (*first, *(key for key in event if key not in first)) if key in event}
