"""A real API server for tests that speak plain HTTP to it, and the mark of all tests that want one."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from kubernaut.testing import EnvTest

needs_envtest = pytest.mark.skipif(
    "KUBEBUILDER_ASSETS" not in os.environ, reason="KUBEBUILDER_ASSETS names no real API server"
)


@asynccontextmanager
async def api_server(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's client of a server without controllers; ``folder`` takes logs and ``ca.crt``."""
    tokens = {"token": ("admin", ["system:masters"])}
    async with EnvTest(controller_manager=False, folder=folder, tokens=tokens) as env:
        (folder / "ca.crt").write_bytes(env.certificate_authority)
        context = ssl.create_default_context(cafile=folder / "ca.crt")
        headers = {"authorization": "Bearer token"}
        async with httpx.AsyncClient(
            base_url=env.url, verify=context, headers=headers, timeout=30, trust_env=False
        ) as client:
            yield client
