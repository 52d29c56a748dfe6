"""Checks and probes, case by case as in controller-runtime's pkg/healthz/healthz_test.go, and beyond it."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from kubernaut.reconcile.serving import App, Checks, probes_app
from tests.reconcile.serving.helpers import get

pytestmark = pytest.mark.virtual_time

TEXT = "text/plain; charset=utf-8"


def fails() -> None:
    raise RuntimeError("blech")


def holds() -> None:
    return None


def probes(*names: str, healthz: Checks | None = None) -> App:
    """Probes whose readiness has these checks: `bad...` fail, others hold."""
    checks = Checks()
    for name in names:
        checks.add(name, fails if name.startswith("bad") else holds)
    return probes_app(healthz or Checks(), checks)


async def test_healthy_if_all_checks_succeed() -> None:
    assert (await get(probes("ok1", "ok2"), "/readyz")).status_code == 200


async def test_unhealthy_if_at_least_one_check_fails() -> None:
    assert (await get(probes("ok1", "bad1"), "/readyz")).status_code == 500


async def test_excluded_checks_do_not_decide() -> None:
    answer = await get(probes("ok1", "bad1"), "/readyz?exclude=bad1&verbose")
    assert answer.status_code == 200
    assert answer.text == "[+]bad1 excluded: ok\n[+]ok1 ok\nreadyz check passed\n"


async def test_an_excluded_check_is_not_even_run() -> None:
    ran = list[str]()
    checks = Checks()
    checks.add("costly", lambda: ran.append("costly"))
    assert (await get(probes_app(Checks(), checks), "/readyz?exclude=costly")).text == "ok"
    assert ran == []


async def test_excluding_a_check_that_does_not_exist_is_fine_and_said() -> None:
    answer = await get(probes("ok1", "ok2"), "/readyz?exclude=nonexistent")
    assert (answer.status_code, answer.text) == (200, "ok")
    verbose = await get(probes("ok1"), "/readyz?exclude=nonexistent&verbose")
    assert '\nwarn: some health checks cannot be excluded: no matches for "nonexistent"\n' in verbose.text


async def test_verbose_output_when_all_is_well() -> None:
    answer = await get(probes("ok2", "ok1"), "/readyz?verbose=true")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TEXT)
    assert answer.text == "[+]ok1 ok\n[+]ok2 ok\nreadyz check passed\n"


async def test_verbose_output_when_something_fails() -> None:
    answer = await get(probes("ok1", "bad1"), "/readyz?verbose=true")
    assert (answer.status_code, answer.headers["content-type"]) == (500, TEXT)
    assert answer.text == "[-]bad1 failed: reason withheld\n[+]ok1 ok\nreadyz check failed\n"


async def test_not_verbose_when_healthy_and_not_asked_to_be() -> None:
    answer = await get(probes("ok1", "ok2"), "/readyz")
    assert (answer.text, answer.headers["content-type"]) == ("ok", TEXT)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_always_verbose_if_a_check_fails() -> None:
    assert (await get(probes("ok1", "bad1"), "/readyz")).text.startswith("[-]bad1 failed: reason withheld\n")


async def test_ping_is_there_if_no_other_check_is() -> None:
    answer = await get(probes(), "/readyz?verbose=true")
    assert (answer.status_code, answer.text) == (200, "[+]ping ok\nreadyz check passed\n")


async def test_a_check_of_its_own_is_ok_if_it_holds() -> None:
    answer = await get(probes("okcheck"), "/readyz/okcheck")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "ok", TEXT)


async def test_a_check_of_its_own_says_why_it_fails() -> None:
    answer = await get(probes("badcheck"), "/readyz/badcheck")
    assert (answer.status_code, answer.text) == (500, "internal server error: blech\n")
    assert answer.headers["content-type"] == TEXT


async def test_a_check_of_its_own_does_not_heed_the_others() -> None:
    app = probes("badcheck", "okcheck")
    assert (await get(app, "/readyz/badcheck")).status_code == 500
    assert (await get(app, "/readyz/okcheck")).status_code == 200


async def test_a_path_that_matches_no_check_is_not_found() -> None:
    assert (await get(probes(), "/readyz/doesnotexist")).status_code == 404
    assert (await get(probes("okcheck"), "/readyz/ping")).status_code == 404


async def test_ping_has_a_path_if_no_other_check_is_there() -> None:
    assert (await get(probes(), "/readyz/ping")).status_code == 200


async def test_liveness_and_readiness_are_two() -> None:
    live = Checks()
    live.add("loop", holds)
    app = probes("bad1", healthz=live)
    assert (await get(app, "/healthz?verbose")).text == "[+]loop ok\nhealthz check passed\n"
    assert (await get(app, "/readyz")).status_code == 500
    assert (await get(app, "/livez")).status_code == 404
    assert (await get(app, "/healthzz")).status_code == 404
    assert (await get(app, "/healthz/")).status_code == 200


async def test_probes_are_read_only() -> None:
    refused = await get(probes(), "/readyz", "POST")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert (await get(probes(), "/readyz", "HEAD")).status_code == 200


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (lambda: None, None),
        (lambda: True, None),
        (lambda: "", None),
        (lambda: "widgets (not served)", "widgets (not served)"),
        (lambda: False, "the check answered False"),
    ],
)
async def test_what_a_check_answers(check: Callable[[], bool | str | None], reason: str | None) -> None:
    async def later() -> bool | str | None:
        await asyncio.sleep(1)
        return check()

    checks = Checks()
    checks.add("now", check)
    checks.add("later", later)
    assert await checks.run() == {"now": reason, "later": reason}


async def test_checks_wait_together_and_not_for_ever() -> None:
    async def late(seconds: float) -> None:
        await asyncio.sleep(seconds)

    checks = Checks(timeout=5)
    checks.add("hangs", lambda: late(1e6))
    checks.add("hangs-too", lambda: late(1e6))
    checks.add("slow", lambda: late(4))
    began = asyncio.get_running_loop().time()
    found = await checks.run()
    assert found == {"hangs": "no answer within 5 s", "hangs-too": "no answer within 5 s", "slow": None}
    assert asyncio.get_running_loop().time() - began == pytest.approx(5)


async def test_a_check_that_lets_a_cancellation_escape_has_failed() -> None:
    async def escaping() -> None:
        raise asyncio.CancelledError

    async def failing() -> None:
        raise RuntimeError

    checks = Checks()
    checks.add("escaping", escaping)
    checks.add("failing", failing)
    assert await checks.run() == {"escaping": "the check was cancelled", "failing": "RuntimeError"}


async def test_a_probe_that_is_cancelled_ends() -> None:
    checks = Checks()
    checks.add("hangs", lambda: asyncio.get_running_loop().create_future())
    task = asyncio.create_task(checks.run())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_facts_are_shown_and_decide_nothing() -> None:
    checks = Checks()
    checks.show("leader-election", lambda: "widgets: standby")
    checks.show("broken", lambda: str(1 // 0))
    app = probes_app(Checks(), checks)
    assert (await get(app, "/readyz")).text == "ok"
    assert (await get(app, "/readyz?verbose")).text == (
        "[+]ping ok\n[i]broken: integer division or modulo by zero\n"
        "[i]leader-election: widgets: standby\nreadyz check passed\n"
    )


def test_names_are_parts_of_paths_and_given_once() -> None:
    checks = Checks()
    checks.add("informers", holds)
    for name in ("", "a/b", "a b"):
        with pytest.raises(ValueError, match="part of a path"):
            checks.add(name, holds)
    with pytest.raises(ValueError, match="there is a check named 'informers' already"):
        checks.add("informers", holds)
    with pytest.raises(ValueError, match="there is a check named 'informers' already"):
        checks.show("informers", str)
    checks.remove("informers")
    checks.remove("informers")
    checks.add("informers", holds)
    assert checks.names == ["informers"]


async def test_the_reason_is_logged_once_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kubernaut")
    state = ["widgets (not served)"]
    checks = Checks()
    checks.add("informers", lambda: state[0])
    app = probes_app(Checks(), checks)
    for _ in range(3):
        await get(app, "/readyz")
    assert [record.levelname for record in caplog.records if "kubernaut" in record.name] == ["WARNING"]
    assert "widgets (not served)" in caplog.text
    state[0] = ""
    await get(app, "/readyz")
    assert "the probe passes again" in caplog.text
