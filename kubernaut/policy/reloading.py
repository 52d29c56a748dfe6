"""Policies that follow their source: a folder, or a ConfigMap."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from kubernaut.client import ApiError, Client, NotFound, TransportError
from kubernaut.policy.bundle import Bundle, bundle_of, load_bundle
from kubernaut.policy.decision import PolicyDecision, PolicyInput
from kubernaut.policy.evaluator import BundleError, PolicyUnavailable
from kubernaut.policy.rego import RegoEvaluator
from kubernaut.resources.builtin.core_v1 import ConfigMap

PERIOD = 10.0
Source = Callable[[], Awaitable[Bundle]]


class ReloadingEvaluator:
    """Rego rules that are read again every `period` seconds (10) while `run` runs; give that to the manager:

        evaluator = await ReloadingEvaluator.load(folder("/etc/kubernaut/policy"))
        manager.add_service("policy", evaluator.run)

    Rules that cannot be read or do not compile are never taken: the old ones go on deciding, and `problem` says what
    is wrong until it is mended. `on_change` is told each new revision, and each new problem.
    """

    name = "rego"

    def __init__(
        self,
        evaluator: RegoEvaluator,
        source: Source,
        *,
        period: float = PERIOD,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        self._evaluator, self._source, self._period, self._on_change = evaluator, source, period, on_change
        self._problem: str | None = None

    @classmethod
    async def load(
        cls, source: Source, *, period: float = PERIOD, on_change: Callable[[str], None] | None = None
    ) -> ReloadingEvaluator:
        """Read the rules for the first time. Raises BundleError, for without any there is nothing to fall back on."""
        return cls(RegoEvaluator(await source()), source, period=period, on_change=on_change)

    @property
    def revision(self) -> str:
        """That of the rules which decide now."""
        return self._evaluator.revision

    @property
    def problem(self) -> str | None:
        """Why the newest rules were not taken; None when they were."""
        return self._problem

    async def evaluate(self, input: PolicyInput) -> PolicyDecision:
        """As the rules decide that were taken last. Raises PolicyUnavailable."""
        return await self._evaluator.evaluate(input)

    async def run(self) -> None:
        """Look for new rules until cancelled."""
        while True:
            await asyncio.sleep(self._period)
            await self.look()

    async def look(self) -> None:
        """Look for new rules now."""
        try:
            bundle = await self._source()
            if bundle.revision != self.revision:
                self._evaluator = RegoEvaluator(bundle)
                self._tell(f"policy {bundle.path}: revision {bundle.revision}")
            self._problem = None
        except PolicyUnavailable as error:
            if self._problem != str(error):
                self._problem = str(error)
                self._tell(f"the new policy is not taken, revision {self.revision} stays: {error}")

    def _tell(self, text: str) -> None:
        if self._on_change is not None:
            self._on_change(text)


def folder(path: str | os.PathLike[str], *, settings: dict[str, Any] | None = None) -> Source:
    """The bundle in a folder, a mounted ConfigMap too."""

    async def read() -> Bundle:
        return await asyncio.to_thread(load_bundle, Path(path), settings=settings)

    return read


def config_map(client: Client, namespace: str, name: str, *, settings: dict[str, Any] | None = None) -> Source:
    """The bundle in a ConfigMap: its keys are the names of files, `data.json` among them.

    Read live, which needs the right to get it.
    """

    async def read() -> Bundle:
        where = f"ConfigMap {namespace}/{name}"
        try:
            found = await client.get(ConfigMap, name, namespace=namespace)
        except NotFound:
            raise BundleError(f"policy bundle {where}: does not exist") from None
        except (ApiError, TransportError) as error:
            raise BundleError(f"policy bundle {where}: cannot be read: {error}") from error
        return _bundle_in(where, found.data, settings)

    return read


def _bundle_in(where: str, files: dict[str, str], settings: dict[str, Any] | None) -> Bundle:
    sources = {file: text for file, text in sorted(files.items()) if file.endswith(".rego")}
    try:
        data = json.loads(files.get("data.json", "{}"))
    except ValueError as error:
        raise BundleError(f"policy bundle {where}: data.json: {error}") from error
    return bundle_of(where, sources, data, settings=settings)
