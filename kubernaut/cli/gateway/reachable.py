"""Whether requests could be made: the API server answers, knows their kind, and grants what is needed."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import msgspec

from kubernaut.cli.run.missing import ACCESS_REVIEWS, Right, in_words, rights_of
from kubernaut.client import ApiError, Client, ClientError, NotFound
from kubernaut.reconcile import Permission
from kubernaut.reconcile.log import logger
from kubernaut.remediation.gateway import GatewayConfig
from kubernaut.remediation.request.types import RemediationRequest

LOOK_SECONDS = (2.0, 15.0)
"""Between two looks: while something is wrong, and while all is well."""
FIX = "kubernaut manifests | kubectl apply -f - and kubernaut manifests --gateway | kubectl apply -f -"

_log = logger("kubernaut.gateway")


class Reachable:
    """A service that looks again and again, and a check for readiness: who is not ready is not sent alerts."""

    def __init__(self, client: Client, config: GatewayConfig, permissions: Sequence[Permission]) -> None:
        self._client = client
        fixed = [route.namespace for route in config.routes if route.take]
        self._namespace = fixed[0] if fixed and None not in fixed else None
        self._rights = rights_of(permissions)
        self._problem: str | None = "the API server has not been asked yet"
        self._told: str | None = self._problem

    def check(self) -> str | None:
        """Why requests could not be made now; None where they can."""
        return self._problem

    async def run(self) -> None:
        """Look until cancelled."""
        often, seldom = LOOK_SECONDS
        while True:
            self._problem = await self._look()
            if self._problem != self._told:
                self._told = self._problem
                if self._problem is None:
                    _log.info("requests can be made: ready")
                else:
                    _log.warning("no requests can be made: not ready, and looking again", problem=self._problem)
            await anyio.sleep(seldom if self._problem is None else often)

    async def _look(self) -> str | None:
        path = RemediationRequest.resource_type.path(self._namespace)
        try:
            await self._client.request("GET", path, query=(("limit", "1"),))
            denied = [right for right in self._rights if not await self._allowed(right)]
        except NotFound:
            return f"the server does not know {RemediationRequest.resource_type.group_resource}: {FIX}"
        except ClientError as error:
            return str(error)
        self._rights = denied
        return f"permissions are missing: {in_words(denied)}: {FIX}" if denied else None

    async def _allowed(self, right: Right) -> bool:
        """What was granted once is not asked again; a server that does not say is believed to grant."""
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        body = {**kind, "spec": {"resourceAttributes": right.attributes}}
        try:
            answer = msgspec.json.decode((await self._client.request("POST", ACCESS_REVIEWS, body=body)).body)
        except (ApiError, msgspec.DecodeError):
            return True
        status = answer.get("status") if isinstance(answer, dict) else None
        return bool((status or {}).get("allowed", True))
