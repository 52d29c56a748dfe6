"""The policy of the settings: folders of rules, and a policy server where there is one; all of them must agree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio

from kubernaut.client.transports.kubernetes_asyncio.incluster import in_a_pod
from kubernaut.policy import (
    BundleError,
    CombinedEvaluator,
    PolicyEvaluator,
    RegoEvaluator,
    ReloadingEvaluator,
    folder,
    load_bundle,
)
from kubernaut.reconcile.election.config import default_namespace
from kubernaut.reconcile.log import logger

SHIPPED = "default"
"""Names the bundle of this package; `./default` names a folder."""


class Policy:
    """An evaluator, and what has to be closed when it is no longer asked."""

    def __init__(self, folders: Sequence[str], opa: str | None, *, protected: Iterable[str] = ()) -> None:
        """Compiles the rules, and asks no server. `protected`: what the shipped rules protect beside their own list.

        Raises BundleError, and PolicyUnavailable when regopy is not installed.
        """
        rules = [_rules(folder, protected) for folder in folders]
        self.followed = [each for each in rules if isinstance(each, ReloadingEvaluator)]
        evaluators: list[PolicyEvaluator] = [*rules]
        self._server = None
        if opa is not None:
            from kubernaut.policy import OpaEvaluator  # the HTTP library is imported by those who ask a server

            self._server = OpaEvaluator(opa)
            evaluators.append(self._server)
        if not evaluators:
            raise BundleError(f"no rules are given: name a folder, or {SHIPPED}")
        self.evaluator = evaluators[0] if len(evaluators) == 1 else CombinedEvaluator(evaluators)

    async def aclose(self) -> None:
        """Close the connections to the server, if there is one."""
        if self._server is not None:
            await self._server.aclose()

    async def follow(self) -> None:
        """Read the folders again and again, until cancelled; the shipped rules do not change."""
        async with anyio.create_task_group() as group:
            for evaluator in self.followed:
                group.start_soon(evaluator.run)


def own_namespaces(executor: str) -> frozenset[str]:
    """The executor's namespace and, in a pod, the one that kubernaut itself runs in."""
    own = os.environ.get("POD_NAMESPACE")
    if not own and in_a_pod():
        own = default_namespace()
    return frozenset({executor, own} if own else {executor})


def _rules(name: str, protected: Iterable[str]) -> RegoEvaluator | ReloadingEvaluator:
    if name == SHIPPED:
        shipped = load_bundle().data["settings"]["protected_namespaces"]
        return RegoEvaluator(settings={"protected_namespaces": [*shipped, *sorted({*protected} - {*shipped})]})
    path = Path(name).expanduser()
    if not path.is_dir():
        raise BundleError(f"{name}: there is no such folder")
    log = logger("kubernaut.policy")
    return ReloadingEvaluator(RegoEvaluator(path), folder(path), on_change=log.warning)
