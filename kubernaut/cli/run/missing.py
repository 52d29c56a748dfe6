"""What controllers need of a cluster and do not find there: definitions, permissions; told with what mends it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import anyio
import msgspec

from kubernaut.cli.run.certificates import own_namespace, webhook_files
from kubernaut.cli.run.plan import Plan
from kubernaut.client import ApiError, Client, ClientError, NotFound
from kubernaut.install import managed_certificates
from kubernaut.reconcile import Controller, Manager, Owns, Watch
from kubernaut.reconcile.log import logger
from kubernaut.reconcile.permission import Permission
from kubernaut.reconcile.permissions import manager_permissions
from kubernaut.resources import ResourceType

AGAIN_SECONDS = (5.0, 60.0)
"""Between two looks, as long as something is missing: the first wait, and the longest."""
REPEAT_SECONDS = 300.0
"""What is missing for longer is told again after so long."""
AT_ONCE = 4
"""Requests under way, of some dozens at the start."""

ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_USER = re.compile(r'User "([^"]+)" cannot ')

_log = logger("kubernaut.run")


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource, as RBAC decides about it."""

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str

    @property
    def attributes(self) -> dict[str, str]:
        """As a SelfSubjectAccessReview asks about it."""
        names = ("verb", "group", "resource", "subresource", "namespace", "name")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    @property
    def path(self) -> str:
        """The resource, with its group and subresource, as people write it."""
        plural = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{plural}/{self.subresource}" if self.subresource else plural


class Missing:
    """Looks for what the controllers need, and goes on until all of it is there."""

    def __init__(self, client: Client, manager: Manager, plan: Plan) -> None:
        self._client = client
        self._manager = manager
        self._install = installing(plan)
        # What is looked for: all at first, then what was missing the last time.
        self._kinds = custom_kinds(manager.controllers)
        self._rights = rights_of(_permissions(manager, client, plan))
        # By what is missing: when that was told, by the loop's time.
        self._told: dict[ResourceType | Right, float] = {}

    async def watch(self) -> None:
        """Tell what is missing, again when it lasts, and when it is there; returns when nothing is."""
        wait, longest = AGAIN_SECONDS
        while not await self._complete():
            await anyio.sleep(wait)
            wait = min(2 * wait, longest)

    async def _complete(self) -> bool:
        try:
            absent = [kind for kind in self._kinds if not await self._served(kind)]
            denied = await self._denied()
        except ClientError:  # the server is gone for the moment: others tell that
            return False
        if self._due(absent):
            told = "definitions are missing in the cluster: not ready, and waiting for them"
            _log.warning(told, definitions=_names(absent), fix=self._install)
        if self._due(denied):
            told = "permissions are missing: what needs them fails until they are granted"
            _log.warning(told, missing=in_words(denied), identity=await self._who(), fix=self._install)
        self._tell_found(set(absent), set(denied))
        self._kinds, self._rights = absent, denied
        return not absent and not denied

    def _tell_found(self, absent: Set[ResourceType], denied: Set[Right]) -> None:
        found = [kind for kind in self._kinds if kind in self._told and kind not in absent]
        if found:
            _log.info("definitions that were missing are there", definitions=_names(found))
        granted = [right for right in self._rights if right in self._told and right not in denied]
        if granted:
            _log.info("permissions that were missing are granted", granted=in_words(granted))

    def _due(self, keys: Sequence[ResourceType | Right]) -> bool:
        """Whether one of these has not been told, or so long ago that all are told again."""
        now = anyio.current_time()
        if all(key in self._told and now - self._told[key] < REPEAT_SECONDS for key in keys):
            return False
        self._told.update(dict.fromkeys(keys, now))
        return True

    async def _served(self, kind: ResourceType) -> bool:
        path = f"/apis/{kind.group}/{kind.version}"
        try:
            answer = msgspec.json.decode((await self._client.request("GET", path)).body)
        except NotFound:
            return False
        except (ApiError, msgspec.DecodeError):  # discovery may be closed to us: the informers will see
            return True
        listed = answer.get("resources") if isinstance(answer, dict) else None
        return any(each.get("name") == kind.plural for each in listed or ())

    async def _denied(self) -> list[Right]:
        """The rights that the server would refuse; none where it does not say."""
        answers: dict[Right, bool] = {}
        limiter = anyio.CapacityLimiter(AT_ONCE)
        errors: list[ClientError] = []

        async def ask(right: Right) -> None:
            async with limiter:
                try:
                    answers[right] = await self._allowed(right)
                except ClientError as error:
                    errors.append(error)

        async with anyio.create_task_group() as group:
            for right in self._rights:
                group.start_soon(ask, right)
        if errors:
            raise errors[0]
        return [right for right in self._rights if not answers[right]]

    async def _allowed(self, right: Right) -> bool:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": right.attributes},
        }
        try:
            answer = msgspec.json.decode((await self._client.request("POST", ACCESS_REVIEWS, body=body)).body)
        except (ApiError, msgspec.DecodeError):
            return True
        status = answer.get("status") if isinstance(answer, dict) else None
        return bool((status or {}).get("allowed", True))

    async def _who(self) -> str:
        """The name by which the server knows this process."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = msgspec.json.decode((await self._client.request("POST", WHO_AM_I, body=body)).body)
            return str(answer["status"]["userInfo"]["username"])
        except (ClientError, msgspec.DecodeError, KeyError, TypeError):  # servers before 1.28 do not tell
            found = _USER.search(" ".join(self._manager.unsynced()))
            return found[1] if found else "the user of the kubeconfig, or the pod's ServiceAccount"


def installing(plan: Plan) -> str:
    """The command that gives the cluster what this process needs there."""
    target = [str(plan.target)] if plan.target is not None else []
    name = [f"--name {plan.settings.name}"] if plan.settings.name is not None else []
    namespace = os.environ.get("POD_NAMESPACE")
    where = [f"--namespace {namespace}"] if namespace else []
    return " ".join(["kubernaut manifests", *target, *name, *where, "| kubectl apply -f -"])


def custom_kinds(controllers: Sequence[Controller]) -> list[ResourceType]:
    """The kinds that the controllers cannot do without and that a cluster has only by a CustomResourceDefinition."""
    types: dict[ResourceType, None] = {}
    for controller in controllers:
        watched: list[Owns | Watch] = [*controller.owns, *controller.watches]
        needed = [controller.kind, *(each.kind for each in watched if not each.optional)]
        types |= dict.fromkeys(kind.resource_type for kind in needed)
    return [rt for rt in types if "." in rt.group and not rt.group.endswith(".k8s.io")]


def _names(kinds: Sequence[ResourceType]) -> str:
    return ", ".join(f"{kind.group_resource}/{kind.version}" for kind in kinds)


def in_words(rights: Sequence[Right]) -> str:
    """`list, watch jobs.batch in shop; get nodes`: the verbs for each resource and place."""
    by_place: dict[tuple[str, str], dict[str, None]] = {}
    for right in rights:
        by_place.setdefault((right.path, right.namespace), {})[right.verb] = None
    return "; ".join(
        f"{', '.join(verbs)} {path}" + (f" in {namespace}" if namespace else "")
        for (path, namespace), verbs in by_place.items()
    )


def rights_of(permissions: Sequence[Permission]) -> list[Right]:
    """Each verb of each permission, for each name, once."""
    return list(dict.fromkeys(right for permission in permissions for right in _rights(permission)))


def _rights(permission: Permission) -> Iterator[Right]:
    for verb in permission.verbs:
        for name in permission.names or ("",):
            subresource, namespace = permission.subresource or "", permission.namespace or ""
            yield Right(verb, permission.group, permission.plural, subresource, namespace, name)


def _permissions(manager: Manager, client: Client, plan: Plan) -> list[Permission]:
    settings, namespace = plan.settings, own_namespace(client)
    found = manager_permissions(
        manager.controllers,
        leader_election=manager.leader_election,
        namespace=namespace,
        protected_metrics=settings.metrics_secure,
    )
    if settings.webhooks and webhook_files(settings) is None:
        found += managed_certificates(plan.name, namespace, plan.webhooks).permissions(namespace)
    return found
