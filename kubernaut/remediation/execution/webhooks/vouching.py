"""Whether what admission writes can be believed: the webhooks must be registered, and must have been in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from kubernaut.client import Client, NotFound
from kubernaut.reconcile import Permission
from kubernaut.reconcile.webhooks import AdmissionWebhook
from kubernaut.resources import format_time
from kubernaut.resources.builtin.admissionregistration_v1 import (
    MutatingWebhookConfiguration,
    RuleWithOperations,
    ValidatingWebhookConfiguration,
)
from kubernaut.resources.builtin.meta_v1 import LabelSelector

NAME = "kubernaut"
"""What the configurations are called where nothing else was chosen."""

FIX = (
    "register the webhooks (`kubernaut manifests` renders them) and run with --webhooks, or, where nobody has to be"
    " known, with --allow-unstamped"
)
"""What mends that nobody is known to have asked."""
MISSING = f"spec.requestedBy is missing: nobody knows who asked for this; {FIX}"

Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration


class Vouching(Protocol):
    """Says whether the stamps of an object can be believed. `permissions` are what asking calls."""

    @property
    def permissions(self) -> Sequence[Permission]: ...

    async def vouches(self, client: Client, since: datetime | None) -> str | None:
        """None when admission has had its say about all that happened since then; otherwise why not, for people.

        `since` None asks about now alone. Raises ApiError, TransportError; may be cancelled.
        """
        ...


class RegisteredWebhooks:
    """Looks, live, at the webhook configurations of an installation.

    They vouch when they are there, hold an entry for each of `webhooks` that fails closed, matches all that ours has to
    match, leaves nothing out by a selector or condition and leads to its path, and were created before what they vouch
    for. Creation times have whole seconds. An entry that was open for a while and is closed again is not noticed:
    whoever may change webhook configurations is trusted.
    """

    def __init__(self, webhooks: Iterable[AdmissionWebhook], name: str = NAME) -> None:
        self._name = name
        every = list(webhooks)
        self._wanted: dict[type[Configuration], list[AdmissionWebhook]] = {
            MutatingWebhookConfiguration: [one for one in every if one.mutating],
            ValidatingWebhookConfiguration: [one for one in every if not one.mutating],
        }

    @property
    def permissions(self) -> Sequence[Permission]:
        """To read these configurations, by name."""
        why = "checks that the webhooks which say who asked, and who approved, are registered"
        return [Permission(["get"], kind, names=[self._name], why=why) for kind, some in self._wanted.items() if some]

    async def vouches(self, client: Client, since: datetime | None) -> str | None:
        """See `Vouching.vouches`. Reads one or two objects by name, from the server."""
        for kind, wanted in self._wanted.items():
            problem = await self._problem(client, kind, wanted, since) if wanted else None
            if problem is not None:
                return problem
        return None

    async def _problem(
        self, client: Client, kind: type[Configuration], wanted: Sequence[AdmissionWebhook], since: datetime | None
    ) -> str | None:
        what = f"{kind.resource_type.kind} {self._name}"
        try:
            found: Configuration = await client.get(kind, self._name)
        except NotFound:
            return f"the webhooks are not installed: there is no {what}"
        entries = {entry.name: entry for entry in found.webhooks}
        for webhook in wanted:
            manifest = webhook.manifest()
            entry = entries.get(manifest["name"])
            if entry is None:
                return f"the webhooks are not installed: {what} has no entry {manifest['name']}"
            if flaw := _flaw(entry, manifest, webhook.path):
                return f"the webhooks are not installed as they have to be: {flaw} in entry {entry.name} of {what}"
        made = found.metadata.creation_timestamp
        if since is not None and (made is None or made > since):
            when = format_time(made) if made is not None else "an unknown time"
            return f"the webhooks did not exist yet at {format_time(since)}: {what} was created at {when}"
        return None


def unbelieved(username: str, why: str) -> str:
    """What is told of a stamp that nothing vouches for."""
    return f"spec.requestedBy says {username}, and nothing vouches for that: {why}; {FIX}"


def _flaw(entry: Any, wanted: Mapping[str, Any], path: str) -> str | None:
    """What lets requests past an entry that ours would see; None when nothing does."""
    for field, value in (("failurePolicy", entry.failure_policy), ("matchPolicy", entry.match_policy)):
        if value != wanted[field]:
            return f"{field} is {value}, not {wanted[field]},"
    for field, selector in (
        ("namespaceSelector", entry.namespace_selector),
        ("objectSelector", entry.object_selector),
    ):
        if _narrows(selector):
            return f"{field} leaves something out"
    if entry.match_conditions:
        return "matchConditions leave something out"
    if not all(any(_covers(rule, needed) for rule in entry.rules) for needed in wanted["rules"]):
        return "rules leave something out"
    reach = entry.client_config
    leads = (reach.service.path if reach.service is not None else reach.url) or ""
    return None if leads.endswith(path) else f"clientConfig does not lead to {path}"


def _narrows(selector: LabelSelector | None) -> bool:
    return selector is not None and bool(selector.match_labels or selector.match_expressions)


def _covers(rule: RuleWithOperations, needed: Mapping[str, Any]) -> bool:
    given = {"apiGroups": rule.api_groups, "apiVersions": rule.api_versions, "operations": rule.operations}
    whole = all("*" in values or set(needed[field]) <= set(values) for field, values in given.items())
    resources = all(any(each in rule.resources for each in _written(one)) for one in needed["resources"])
    return whole and resources and rule.scope in (None, "*", needed["scope"])


def _written(resource: str) -> tuple[str, ...]:
    """All that matches a resource in a rule: `*` alone stands for no subresource."""
    plural, slash, subresource = resource.partition("/")
    return (resource, f"{plural}/*", f"*/{subresource}", "*/*") if slash else (resource, "*", "*/*")
