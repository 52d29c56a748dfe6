"""Which cluster a run of pytest uses: its options, its marks, and the server that a session shares."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kubernaut.testing.clusters.backend import Backend

__all__ = ["ASSETS", "Choice", "chosen", "shared_backend", "skip_what_it_cannot_show"]

FAKE, ENVTEST, KUBECONFIG = "fake", "envtest", "kubeconfig"
ASSETS = "KUBEBUILDER_ASSETS"
_WHY = {
    "fake_only": "needs the cluster in memory",
    "server_time": "needs the server's own clock to move",
}


class Choice:
    """What the command line says; checked when it is made. Raises pytest.UsageError, in one sentence."""

    def __init__(self, config: pytest.Config) -> None:
        self.cluster: str = config.getoption("--cluster")
        self.context: str | None = config.getoption("--cluster-context")
        self.backend: Backend | None = None
        if self.cluster not in (FAKE, ENVTEST, KUBECONFIG):
            raise pytest.UsageError(f"--cluster={self.cluster}: choose fake, envtest or kubeconfig")
        if self.context is not None and self.cluster != KUBECONFIG:
            raise pytest.UsageError(f"--cluster-context goes with --cluster=kubeconfig, not with {self.cluster}")
        if self.cluster == ENVTEST and not os.environ.get(ASSETS):
            raise pytest.UsageError(
                f"--cluster=envtest: {ASSETS} is not set; it names the folder with etcd, kube-apiserver and "
                "kube-controller-manager (`setup-envtest use -p path` of controller-runtime prints it)"
            )
        if self.cluster == KUBECONFIG and not self.context:
            raise pytest.UsageError(
                "--cluster=kubeconfig: tests write and delete, so the cluster must be named by --cluster-context "
                f"NAME{_contexts()}"
            )

    @property
    def is_fake(self) -> bool:
        """Whether it is the cluster in memory."""
        return self.cluster == FAKE

    def close(self) -> None:
        """Stop the server that was started."""
        backend, self.backend = self.backend, None
        if backend is not None:
            backend.close()


_KEY = pytest.StashKey[Choice]()


def add_options(parser: pytest.Parser) -> None:
    """The command line."""
    group = parser.getgroup("kubernaut")
    group.addoption(
        "--cluster",
        default=FAKE,
        metavar="CLUSTER",
        help="what the fixture `cluster` is: fake (in memory, the default), envtest (a real API server on this machine,"
        " from KUBEBUILDER_ASSETS) or kubeconfig (the cluster of --cluster-context)",
    )
    group.addoption(
        "--cluster-context",
        metavar="NAME",
        help="the context of the kubeconfig (KUBECONFIG, else ~/.kube/config) that --cluster=kubeconfig writes to",
    )


def add_marks(config: pytest.Config) -> None:
    """The marks."""
    for line in (
        "cluster(**options): options of FakeCluster for the fixture `cluster`.",
        "fake_only(reason): skip this test of the fixture `cluster` unless --cluster=fake.",
        "server_from(version, reason): skip this test on servers older than `version`, such as 1.30.",
        "server_time(reason): the test lets the server's own clock move; skip it unless --cluster=fake.",
    ):
        config.addinivalue_line("markers", line)


def choose(config: pytest.Config) -> None:
    """Check the options. Raises pytest.UsageError."""
    config.stash[_KEY] = Choice(config)


def chosen(config: pytest.Config) -> Choice:
    """What was chosen."""
    return config.stash[_KEY]


def close(config: pytest.Config) -> None:
    """Stop the server of this session, if one was started."""
    if _KEY in config.stash:
        config.stash[_KEY].close()


def shared_backend(config: pytest.Config) -> Backend:
    """The server of this session, started on first use; of this worker, with pytest-xdist.

    Fails the run where it cannot be started: every further test would try it again.
    """
    choice = chosen(config)
    if choice.backend is None:
        try:
            choice.backend = _start(choice)
        except Exception as error:
            pytest.exit(f"--cluster={choice.cluster}: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
    return choice.backend


def _start(choice: Choice) -> Backend:
    if choice.cluster == ENVTEST:
        from kubernaut.testing.clusters.local import LocalServer

        return LocalServer()
    from kubernaut.testing.clusters.remote import RemoteServer

    return RemoteServer(choice.context or "")


def skip_what_it_cannot_show(choice: Choice, item: pytest.Item) -> None:
    """Give a test of the fixture the mark `skip` where the chosen cluster cannot show what it is about.

    Raises pytest.UsageError for a mark without a reason.
    """
    list(_since(item))
    for name, why in _WHY.items():
        for mark in item.iter_markers(name):
            reason = mark.args[0] if mark.args else mark.kwargs.get("reason")
            if not isinstance(reason, str) or not reason.strip():
                raise pytest.UsageError(f'{item.nodeid}: say why, @pytest.mark.{name}("...")')
            if not choice.is_fake:
                item.add_marker(pytest.mark.skip(reason=f"{why}: {reason}"))


def wants_newer(item: pytest.Item, version: tuple[int, int]) -> str | None:
    """Why a server of this version cannot show what the test is about; None if it can."""
    for since, reason in _since(item):
        if version < since:
            return f"the server is {_text(version)}, and from {_text(since)} on {reason}"
    return None


def _since(item: pytest.Item) -> Iterator[tuple[tuple[int, int], str]]:
    for mark in item.iter_markers("server_from"):
        wanted, reason = (*mark.args, "", "")[:2]
        found = re.fullmatch(r"(\d+)\.(\d+)", str(wanted))
        if found is None or not reason:
            raise pytest.UsageError(f'{item.nodeid}: say since when and why, @pytest.mark.server_from("1.30", "...")')
        yield (int(found[1]), int(found[2])), str(reason)


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _contexts() -> str:
    """The contexts that there are, for the error that asks for one."""
    from kubernaut.testing.clusters.contexts import context_names

    names = context_names()
    return f" (there are: {', '.join(names)})" if names else ""
