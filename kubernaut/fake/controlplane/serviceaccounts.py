"""What every namespace is given: its default ServiceAccount and the root certificate; and tokens for Secrets."""

from __future__ import annotations

import base64
import json

from kubernaut.client import AlreadyExists, ApiError, MergePatch, NotFound, ObjectHead
from kubernaut.reconcile import Context, Controller, Reconciler, Request, Result, Watch
from kubernaut.reconcile.predicates import head_matches
from kubernaut.resources import ObjectMeta, Resource
from kubernaut.resources.builtin.core_v1 import ConfigMap, Namespace, Secret, ServiceAccount

_DEFAULT = "default"
ROOT_CA = "kube-root-ca.crt"
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nc2ltdWxhdGVk\n-----END CERTIFICATE-----\n"
_DESCRIBED = {
    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using "
    "internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed "
    "across distributions of Kubernetes clusters."
}
_TOKEN_TYPE = "kubernetes.io/service-account-token"
_ACCOUNT = "kubernetes.io/service-account.name"
_ACCOUNT_UID = "kubernetes.io/service-account.uid"
_TEN_YEARS = 315_360_000


class NamespaceContent(Reconciler[Namespace]):
    """The names are fixed, so that creating twice is harmless; what is deleted or changed comes back."""

    async def reconcile(self, namespace: Namespace, ctx: Context) -> Result | None:
        """Create what the namespace lacks."""
        if namespace.metadata.deletion_timestamp is not None:
            return None
        try:
            ctx.cache.head(ServiceAccount, _DEFAULT, namespace.name)
        except NotFound:
            await _create(ServiceAccount(metadata=ObjectMeta(name=_DEFAULT, namespace=namespace.name)), ctx)
        wanted = {"ca.crt": _CERTIFICATE}
        try:
            found = ctx.cache.get(ConfigMap, ROOT_CA, namespace.name)
        except NotFound:
            metadata = ObjectMeta(name=ROOT_CA, namespace=namespace.name, annotations=dict(_DESCRIBED))
            await _create(ConfigMap(metadata=metadata, data=wanted), ctx)
            return None
        if found.data != wanted:
            patch = MergePatch({"data": {**dict.fromkeys(found.data, None), **wanted}})
            await ctx.client.patch(ConfigMap, ROOT_CA, patch, namespace=namespace.name)
        return None


class AccountTokens(Reconciler[Secret]):
    """Fills Secrets of type service-account-token, and deletes those whose ServiceAccount is gone."""

    async def reconcile(self, secret: Secret, ctx: Context) -> Result | None:
        """Give the Secret a token of its ServiceAccount."""
        name = secret.metadata.annotations.get(_ACCOUNT)
        if secret.type != _TOKEN_TYPE or not name or secret.metadata.deletion_timestamp is not None:
            return None
        uid = secret.metadata.annotations.get(_ACCOUNT_UID)
        try:
            account = ctx.cache.get(ServiceAccount, name, secret.namespace)
        except NotFound:
            account = None
        if account is None or uid not in (None, account.uid):
            await ctx.client.delete(Secret, secret.name, namespace=secret.namespace, uid=secret.uid)
            return None
        if "token" in secret.data and uid is not None:
            return None
        path = ServiceAccount.resource_type.path(secret.namespace, name, "token")
        answer = await ctx.client.request("POST", path, body={"spec": {"expirationSeconds": _TEN_YEARS}})
        values = {
            "token": json.loads(answer.body)["status"]["token"],
            "ca.crt": _CERTIFICATE,
            "namespace": secret.namespace or "",
        }
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        patch = MergePatch({"metadata": {"annotations": {_ACCOUNT_UID: account.uid}}, "data": data})
        await ctx.client.patch(Secret, secret.name, patch, namespace=secret.namespace)
        return None


async def _create(obj: Resource, ctx: Context) -> None:
    try:
        await ctx.client.create(obj)
    except (AlreadyExists, NotFound):
        return
    except ApiError as error:
        # The namespace began to go meanwhile: nothing is created in it any more.
        if not any(cause.reason == "NamespaceTerminating" for cause in error.causes):
            raise


def _namespace_of(head: ObjectHead) -> list[Request]:
    return [Request(None, head.namespace)] if head.namespace else []


def service_accounts() -> list[Controller]:
    """The controllers of default ServiceAccounts, root certificates and token Secrets."""
    named = head_matches(lambda head: head.name in (_DEFAULT, ROOT_CA))
    watches = [
        Watch(ServiceAccount, to=_namespace_of, predicates=[named]),
        Watch(ConfigMap, to=_namespace_of, fields={"metadata.name": ROOT_CA}),
    ]
    tokens = Controller(Secret, AccountTokens(), name="serviceaccount-token-controller", fields={"type": _TOKEN_TYPE})
    return [Controller(Namespace, NamespaceContent(), name="serviceaccount-controller", watches=watches), tokens]
