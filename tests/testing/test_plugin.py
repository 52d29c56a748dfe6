"""The plugin gives virtual time to the tests that want it, in both modes, and leaves others alone."""

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import asyncio, time, pytest
from kubernaut.timing import virtual_time

{mark}
async def test_ordinary():
    assert virtual_time() is None
    before = time.monotonic()
    await asyncio.sleep(0.01)
    assert time.monotonic() > before

@pytest.mark.virtual_time
async def test_marked():
    await asyncio.sleep(3600)
    assert asyncio.get_running_loop().time() == 3600

@pytest.mark.virtual_time
class TestGroup:
    async def test_method(self):
        assert virtual_time() is not None

def test_sync():
    pass

async def test_cluster(cluster):
    await asyncio.sleep(3600)
    assert cluster.server is not None

@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.cluster(controlplane=False)
async def test_cluster_with_options(cluster, n):
    assert virtual_time() is not None
"""

LEAKS = """
import asyncio, pytest
kept = []

async def test_leaks(no_leaked_tasks):
    kept.append(asyncio.create_task(asyncio.sleep(60)))

async def test_is_clean(no_leaked_tasks):
    await asyncio.create_task(asyncio.sleep(0))

async def test_cluster_leaks(cluster):
    kept.append(asyncio.create_task(asyncio.sleep(60)))

def test_sync(no_leaked_tasks):
    pass

async def test_unchecked():
    kept.append(asyncio.create_task(asyncio.sleep(60)))
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    # The plugins are named on the command line, whether or not the distribution is installed.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, source: str, mode: str, ini: str = "") -> pytest.RunResult:
    pytester.makeini(f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n{ini}\n")
    pytester.makepyfile(source)
    return pytester.runpytest_subprocess(
        "-p", "pytest_asyncio.plugin", "-p", "kubernaut.testing.plugin", "--strict-markers"
    )


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_both_modes(pytester: pytest.Pytester, mode: str) -> None:
    source = TESTS.replace("{mark}", "@pytest.mark.asyncio" if mode == "strict" else "")
    run(pytester, source, mode).assert_outcomes(passed=7)


def test_a_loop_factory_of_the_user_still_serves_other_tests(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import asyncio
        class Loop(asyncio.SelectorEventLoop): pass
        def pytest_asyncio_loop_factories(config, item): return {"mine": Loop}
        """
    )
    source = """
        import asyncio, pytest
        async def test_mine(): assert type(asyncio.get_running_loop()).__name__ == "Loop"
        @pytest.mark.virtual_time
        async def test_virtual(): assert type(asyncio.get_running_loop()).__name__ == "VirtualTimeLoop"
    """
    run(pytester, source, "auto").assert_outcomes(passed=2)


def test_a_cluster_fixture_of_the_user_is_left_alone(pytester: pytest.Pytester) -> None:
    source = """
        import pytest
        from kubernaut.timing import virtual_time
        @pytest.fixture
        def cluster(): return "redis"
        async def test_theirs(cluster): assert (cluster, virtual_time()) == ("redis", None)
        class TestOuter:
            @pytest.fixture
            def cluster(self): return "plain"
            class TestInner:
                @pytest.fixture
                def cluster(self, cluster): return cluster + "!"
                async def test_theirs(self, cluster): assert (cluster, virtual_time()) == ("plain!", None)
    """
    run(pytester, source, "auto").assert_outcomes(passed=2)


def test_a_fixture_that_builds_on_ours_has_virtual_time(pytester: pytest.Pytester) -> None:
    source = """
        import pytest
        from kubernaut.timing import virtual_time
        @pytest.fixture
        def cluster(cluster): return cluster
        async def test_it(cluster): assert cluster.server is not None and virtual_time() is not None
    """
    run(pytester, source, "auto").assert_outcomes(passed=1)


def test_a_test_that_leaves_tasks_behind_fails(pytester: pytest.Pytester) -> None:
    result = run(pytester, LEAKS, "auto")
    result.assert_outcomes(passed=5, errors=2)
    result.stdout.fnmatch_lines(["*left 1 asyncio task(s) behind*"])


def test_the_ini_option_checks_every_test(pytester: pytest.Pytester) -> None:
    run(pytester, LEAKS, "auto", "kubernaut_no_leaked_tasks = true").assert_outcomes(passed=5, errors=3)


def test_the_check_follows_the_loop_scope(pytester: pytest.Pytester) -> None:
    source = """
        import asyncio, pytest
        kept = []
        @pytest.mark.asyncio(loop_scope="module")
        async def test_leaks(no_leaked_tasks):
            kept.append(asyncio.create_task(asyncio.sleep(60)))
        @pytest.mark.asyncio(loop_scope="module")
        async def test_is_clean(no_leaked_tasks): pass
    """
    run(pytester, source, "strict").assert_outcomes(passed=2, errors=1)
