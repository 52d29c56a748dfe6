"""Fixtures of the tests of the transport."""

from pathlib import Path

import pytest

from tests.client.transports.plugin import Plugin

NAMES = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration but what a test gives."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """A plugin that gives "token 1" in its first run, "token 2" in its second ..."""
    return Plugin(tmp_path)
