"""--cluster: what is refused, in one sentence, and what is skipped, with its reason."""

import json
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("HOME", str(pytester.path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    plugins = ("-p", "pytest_asyncio.plugin", "-p", "kubernaut.testing.plugin")
    return pytester.runpytest_subprocess(*plugins, "--strict-markers", "-rs", *options)


def the_error(result: pytest.RunResult) -> str:
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    [line] = [line for line in result.stderr.lines if line]
    return line


def test_a_cluster_that_there_is_not_is_refused(pytester: pytest.Pytester) -> None:
    assert the_error(run(pytester, "--cluster=kind")) == "ERROR: --cluster=kind: choose fake, envtest or kubeconfig"


def test_envtest_without_its_programs_says_what_to_set(pytester: pytest.Pytester) -> None:
    assert "--cluster=envtest: KUBEBUILDER_ASSETS is not set; it names" in the_error(run(pytester, "--cluster=envtest"))


def test_envtest_with_a_folder_that_has_no_programs_ends_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(pytester.path))
    pytester.makepyfile("async def test_one(cluster): pass\nasync def test_two(cluster): pass")
    result = run(pytester, "--cluster=envtest")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    found = [line for line in result.outlines if "--cluster=envtest:" in line]
    assert len(found) == 1
    assert str(pytester.path / "etcd") in found[0]


def test_a_kubeconfig_alone_is_no_permission_to_write_to_its_current_context(pytester: pytest.Pytester) -> None:
    error = the_error(run(pytester, "--cluster=kubeconfig"))
    assert "tests write and delete, so the cluster must be named by --cluster-context NAME" in error


def test_the_contexts_that_there_are_are_named(pytester: pytest.Pytester) -> None:
    contexts: list[dict[str, object]] = [{"name": name, "context": {}} for name in ("production", "kind")]
    config = {"kind": "Config", "current-context": "production", "contexts": contexts}
    (pytester.path / ".kube").mkdir()
    (pytester.path / ".kube/config").write_text(json.dumps(config))
    assert "(there are: kind, production)" in the_error(run(pytester, "--cluster=kubeconfig"))


def test_a_context_has_no_meaning_for_other_clusters(pytester: pytest.Pytester) -> None:
    assert "--cluster-context goes with --cluster=kubeconfig" in the_error(run(pytester, "--cluster-context=kind"))


def test_a_context_that_there_is_not_ends_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("async def test_one(cluster): pass")
    result = run(pytester, "--cluster=kubeconfig", "--cluster-context=kind")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert any("--cluster=kubeconfig:" in line for line in result.outlines)


MARKED = """
import pytest

@pytest.mark.fake_only("it counts requests of the control plane")
async def test_of_the_fake(cluster): pass

@pytest.mark.server_time("a Job's TTL")
async def test_of_time(cluster): pass

@pytest.mark.fake_only("it has no cluster at all")
def test_without(): pass
"""


def test_what_a_real_cluster_cannot_show_is_skipped_with_the_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(pytester.path))  # nothing is started: all of them are skipped
    pytester.makepyfile(MARKED)
    result = run(pytester, "--cluster=envtest")
    result.assert_outcomes(skipped=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*needs the cluster in memory: it counts requests of the control plane",
            "*needs the server's own clock to move: a Job's TTL",
        ]
    )


def test_the_fake_shows_all_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MARKED)
    run(pytester).assert_outcomes(passed=3)


@pytest.mark.parametrize(
    "mark", ["fake_only", "server_time", 'fake_only("")', 'server_from("1.30")', 'server_from("new", "x")']
)
def test_a_skip_without_a_reason_is_refused(pytester: pytest.Pytester, mark: str) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.{mark}\nasync def test_one(cluster): pass")
    error = the_error(run(pytester))
    assert "say " in error
    assert "why, @pytest.mark." in error


def test_a_server_that_is_too_old_is_a_reason_to_skip(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.server_from("1.30", "it does")
        async def test_now(cluster): pass
        @pytest.mark.server_from("9.1", "it walks on water")
        async def test_some_day(cluster): raise AssertionError
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*the server is 1.36, and from 9.1 on it walks on water"])


def test_pytest_explains_the_option(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--help")
    result.stdout.fnmatch_lines(["*--cluster=CLUSTER*", "*--cluster-context=NAME*"])


def test_every_skip_of_our_own_suites_has_a_reason_of_some_length() -> None:
    tests = Path(__file__).parents[2]
    for path in tests.rglob("test_*.py"):
        if path == Path(__file__):
            continue
        for line in path.read_text().splitlines():
            for mark in ("mark.fake_only", "mark.server_time"):
                if mark in line and "`" not in line:
                    reason = line.partition(mark + "(")[2].strip("\"')]")
                    assert len(reason.split()) >= 3, f"{path}: {line}"
