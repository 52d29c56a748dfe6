"""Logs: every line of a reconcile says which one, and the host's logging is left alone unless asked."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from kubernaut.reconcile import Request
from kubernaut.reconcile.log import ContextFilter, LoggingSetup, bound, configure_logging, logger

KEYS = {"controller": "widget", "object": "shop/w1", "reconcile_id": "5f2c"}
REQUEST = Request("shop", "w1")


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    yield
    if LoggingSetup.current is not None:
        LoggingSetup.current.undo()


def reconcile() -> bound:
    return bound(controller="widget", object=REQUEST, reconcile_id="5f2c")


def host_state() -> list[object]:
    loggers = [logging.getLogger(name) for name in ("", "kubernaut", "kubernaut.controller")]
    state = [(lg.level, lg.propagate, list(lg.handlers), list(lg.filters), lg.disabled) for lg in loggers]
    return [*state, logging.getLoggerClass()]


class Stream(io.StringIO):
    """What was written, line by line."""

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


# Without any configuration.


def test_our_loggers_write_to_logging_and_carry_the_keys(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kubernaut")
    with reconcile():
        logger("kubernaut.test").bind(extra=1).info("made", child="d%s")
    (record,) = caplog.records
    assert record.name == "kubernaut.test"
    assert record.getMessage() == "made controller=widget object=shop/w1 reconcile_id=5f2c extra=1 child=d%s"
    assert record.__dict__["kubernaut"] == {**KEYS, "extra": 1, "child": "d%s"}


def test_the_keys_end_with_the_reconcile(caplog: pytest.LogCaptureFixture) -> None:
    with reconcile():
        pass
    logger("kubernaut.test").warning("after")
    assert caplog.records[0].getMessage() == "after"


def test_a_key_of_the_line_itself_wins(caplog: pytest.LogCaptureFixture) -> None:
    with reconcile():
        logger("kubernaut.test").bind(controller="other").warning("made")
    assert "controller=other object=" in caplog.text


def test_the_cluster_is_a_key_where_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    with bound(controller="widget", object=REQUEST, reconcile_id="5f2c", cluster="east"):
        logger("kubernaut.test").warning("made")
    with bound(controller="widget", object=REQUEST, reconcile_id="5f2c", cluster=""):
        logger("kubernaut.test").warning("made")
    assert [record.__dict__["kubernaut"].get("cluster") for record in caplog.records] == ["east", None]


def test_what_the_host_has_bound_itself_stays(caplog: pytest.LogCaptureFixture) -> None:
    with structlog.contextvars.bound_contextvars(service="shop", controller="host"):
        with reconcile():
            logger("kubernaut.test").warning("within")
        logger("kubernaut.test").warning("after")
    within, after = (record.__dict__["kubernaut"] for record in caplog.records)
    assert within == {"service": "shop", **KEYS}
    assert after == {"service": "shop", "controller": "host"}


async def test_reconciles_at_once_keep_their_keys_apart_and_hand_them_down(caplog: pytest.LogCaptureFixture) -> None:
    log = logger("kubernaut.test")

    async def child() -> None:
        log.warning("from a child")

    async def run(name: str) -> None:
        with bound(controller="widget", object=Request(None, name), reconcile_id=name):
            await asyncio.sleep(0)
            await asyncio.create_task(child())
            await asyncio.to_thread(log.warning, "from a thread")

    await asyncio.gather(run("a"), run("b"))
    told = sorted(
        (record.message.split(" controller")[0], record.__dict__["kubernaut"]["object"]) for record in caplog.records
    )
    assert told == [("from a child", "a"), ("from a child", "b"), ("from a thread", "a"), ("from a thread", "b")]


def test_the_keys_end_with_a_reconcile_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RuntimeError), reconcile():
        raise RuntimeError
    logger("kubernaut.test").warning("after")
    assert caplog.records[0].__dict__["kubernaut"] == {}


def test_exceptions_keep_their_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError("blech")
    except RuntimeError:
        logger("kubernaut.test").exception("failed")
    assert caplog.records[0].exc_info is not None
    assert "RuntimeError: blech" in caplog.text


def test_lines_below_the_level_are_not_made() -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError

    logging.getLogger("kubernaut.quiet").setLevel(logging.WARNING)
    logger("kubernaut.quiet").info("made", of=Costly())


def test_a_filter_gives_the_hosts_own_handlers_the_keys() -> None:
    stream = Stream()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(kubernaut)s"))
    handler.addFilter(ContextFilter())
    host = logging.getLogger("host.code")
    host.addHandler(handler)
    try:
        with reconcile():
            host.warning("plain")
        host.warning("after")
    finally:
        host.removeHandler(handler)
    assert stream.lines == [f"plain {KEYS}", "after {}"]


def test_the_order_of_the_keys_is_fixed(caplog: pytest.LogCaptureFixture) -> None:
    with structlog.contextvars.bound_contextvars(zebra=1, ant=2), reconcile():
        logger("kubernaut.test").warning("made", size=3)
    assert list(caplog.records[0].__dict__["kubernaut"]) == [*KEYS, "ant", "zebra", "size"]


def test_importing_and_logging_configure_nothing() -> None:
    script = """
import logging, structlog
root = logging.getLogger()
before = (root.level, list(root.handlers), structlog.is_configured(), structlog.get_config()["processors"])
import kubernaut.reconcile
from kubernaut.reconcile.log import bound, logger
with bound(controller="c", object="o", reconcile_id="r"):
    logger("kubernaut.x").info("nobody hears this")
assert (root.level, list(root.handlers), structlog.is_configured(), structlog.get_config()["processors"]) == before
assert logging.getLogger("kubernaut").handlers == [] and logging.getLogger("kubernaut").level == 0
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# With configure_logging.


@pytest.mark.parametrize("name", ["plain", "structlog", "ours"])
def test_every_kind_of_line_carries_the_same_keys(name: str) -> None:
    stream = Stream()
    configure_logging("json", stream=stream)
    with reconcile():
        if name == "plain":
            logging.getLogger("user.code").warning("made %s", "d1", extra={"size": 3})
        elif name == "structlog":
            structlog.get_logger("user.code").warning("made %s", "d1", size=3)
        else:
            logger("user.code").warning("made d1", size=3)
    (line,) = stream.objects
    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "warning", "logger": "user.code", "event": "made d1", "size": 3, **KEYS}


@pytest.mark.parametrize("name", ["plain", "structlog", "ours"])
def test_a_traceback_is_one_field_of_one_line(name: str) -> None:
    stream = Stream()
    configure_logging("json", stream=stream)
    loggers: dict[str, Any] = {
        "plain": logging.getLogger("user.code"),
        "structlog": structlog.get_logger("user.code"),
        "ours": logger("user.code"),
    }
    try:
        raise RuntimeError("blech\nand more")
    except RuntimeError:
        with reconcile():
            loggers[name].exception("failed")
    (line,) = stream.objects
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("RuntimeError: blech\nand more")
    assert {key: line[key] for key in KEYS} == KEYS
    assert (line["level"], line["event"]) == ("error", "failed")


def test_the_first_fields_are_time_level_logger_and_event() -> None:
    stream = Stream()
    configure_logging("json", stream=stream)
    with reconcile():
        logger("kubernaut.test").info("made", a=1)
    assert list(stream.objects[0]) == ["timestamp", "level", "logger", "event", *KEYS, "a"]


def test_what_json_cannot_say_is_written_as_text() -> None:
    stream = Stream()
    configure_logging("json", stream=stream)
    logger("kubernaut.test").info("made", at=REQUEST, raw=b"x")
    assert stream.objects[0]["raw"] == "b'x'"


@pytest.mark.parametrize("name", ["plain", "structlog", "ours"])
def test_the_console_shows_the_keys_without_colours_where_there_is_no_terminal(name: str) -> None:
    stream = Stream()
    configure_logging("console", stream=stream)
    loggers: dict[str, Any] = {
        "plain": logging.getLogger("user.code"),
        "structlog": structlog.get_logger("user.code"),
        "ours": logger("user.code"),
    }
    with reconcile():
        loggers[name].warning("made")
    (line,) = stream.lines
    assert "[warning  ] made" in line
    assert "controller=widget object=shop/w1 reconcile_id=5f2c" in line
    assert "\x1b" not in line


def test_the_console_shows_a_traceback() -> None:
    stream = Stream()
    configure_logging("console", stream=stream)
    try:
        raise RuntimeError("blech")
    except RuntimeError:
        logger("kubernaut.test").exception("failed")
    assert stream.lines[-1] == "RuntimeError: blech"


def test_the_level_is_what_was_asked_for() -> None:
    stream = Stream()
    configure_logging("json", "WARNING", stream=stream)
    for line in (logging.getLogger("a").info, structlog.get_logger("b").info, logger("kubernaut.c").info):
        line("not written")
    configure_logging("json", logging.DEBUG, stream=stream)
    for line in (logging.getLogger("a").debug, structlog.get_logger("b").debug, logger("kubernaut.c").debug):
        line("written")
    assert [line["event"] for line in stream.objects] == ["written"] * 3


def test_calling_it_again_replaces_the_former_setup() -> None:
    before = host_state()
    first, second = Stream(), Stream()
    earlier = configure_logging("json", stream=first)
    setup = configure_logging("json", stream=second)
    logging.getLogger("a").warning("once")
    assert (first.lines, len(second.lines)) == ([], 1)
    earlier.undo()  # no longer in effect: nothing to undo
    logging.getLogger("a").warning("twice")
    assert len(second.lines) == 2
    setup.undo()
    assert host_state() == before


def test_undoing_puts_everything_back_and_is_harmless_twice() -> None:
    before = (host_state(), structlog.is_configured(), structlog.get_config()["processors"])
    with configure_logging("json", "DEBUG", stream=Stream()) as setup:
        assert host_state() != before[0]
        assert logging.getLoggerClass() is before[0][-1]
        assert structlog.is_configured()
    setup.undo()
    assert (host_state(), structlog.is_configured(), structlog.get_config()["processors"]) == before


def test_a_structlog_that_the_host_has_configured_comes_back() -> None:
    mine = [structlog.processors.JSONRenderer()]
    structlog.configure(processors=mine)
    try:
        with configure_logging("json", stream=Stream()):
            assert structlog.get_config()["processors"] is not mine
        assert structlog.get_config()["processors"] is mine
        with configure_logging("json", stream=Stream()):
            structlog.configure(processors=mine)  # the host changes its mind meanwhile
        assert structlog.get_config()["processors"] is mine
    finally:
        structlog.reset_defaults()


def test_handlers_of_the_host_stay() -> None:
    handler = logging.NullHandler()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with configure_logging("json", stream=Stream()):
            assert handler in root.handlers
        assert handler in root.handlers
    finally:
        root.removeHandler(handler)


def test_one_logger_alone_may_be_set_up_and_writes_each_line_once(caplog: pytest.LogCaptureFixture) -> None:
    stream = Stream()
    with configure_logging("json", stream=stream, name="kubernaut"), reconcile():
        logger("kubernaut.test").info("ours")
        logging.getLogger("user.code").warning("not ours")
    assert [line["event"] for line in stream.objects] == ["ours"]
    assert [record.name for record in caplog.records] == ["user.code"]
    assert logging.getLogger("kubernaut").propagate


def test_what_cannot_be_set_up_is_refused_and_nothing_changed() -> None:
    before = host_state()
    with pytest.raises(ValueError, match='the format is "console" or "json", not \'xml\''):
        configure_logging("xml")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Unknown level"):
        configure_logging("json", "LOUD")
    assert host_state() == before
    assert LoggingSetup.current is None
