"""CRDs and webhook configurations, as far as a server knows what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kubernaut.install.features import ServerFeatures
from kubernaut.install.installation import Installation, Manifest
from kubernaut.install.names import WEBHOOK_PORT, webhook_configuration, webhook_service
from kubernaut.reconcile import Controller
from kubernaut.reconcile.webhooks import (
    AdmissionWebhook,
    Conversion,
    ConversionWebhook,
    ServiceReference,
    conversion_stanza,
    webhook_configurations,
)
from kubernaut.resources import Resource, crd_for
from kubernaut.resources.rules import VALIDATIONS


def own_kinds(controllers: Iterable[Controller]) -> list[type[Resource]]:
    """The kinds that controllers reconcile or own and that are described here: not those of `crd=False` classes."""
    kinds = [kind for one in controllers for kind in (one.kind, *(owned.kind for owned in one.owns))]
    return list(dict.fromkeys(kind for kind in kinds if kind._check_crd))


def definitions(kinds: Iterable[type[Resource]], server: ServerFeatures) -> list[Manifest]:
    """The CRDs of kinds, without what the server does not know of CEL rules."""
    return [_definition(server, kind) for kind in dict.fromkeys(kinds)]


def definitions_of(installation: Installation, server: ServerFeatures) -> list[Manifest]:
    """The CRDs of an installation; those with several versions name the webhook that converts them."""
    hooks = [hook for hook in installation.webhooks if isinstance(hook, ConversionWebhook)]
    converted = {each.hub: (each, hook) for hook in hooks for each in hook.conversions}
    spokes = {kind for each, _ in converted.values() for kind in each.kinds.values() if kind is not each.hub}
    wanted = dict.fromkeys((*own_kinds(installation.controllers), *installation.kinds, *converted))
    found = []
    for kind in wanted:
        if kind in converted:
            found.append(_converted(installation, server, *converted[kind]))
        elif kind not in spokes:
            found.append(_definition(server, kind))
    return found


def admission_of(installation: Installation, server: ServerFeatures) -> list[Manifest]:
    """The webhook configurations; the process writes the caBundle into them."""
    name = webhook_configuration(installation.name)
    manifests = webhook_configurations(name, _admission(installation), service=_service(installation))
    for manifest in manifests:
        manifest["metadata"]["labels"] = dict(installation.labels)
        for entry in manifest["webhooks"]:
            if not server.match_conditions:
                entry.pop("matchConditions", None)
    return manifests


def dropped_conditions(installation: Installation, server: ServerFeatures) -> list[str]:
    """Webhooks that are asked more often than they should, as the server knows no `matchConditions`."""
    if server.match_conditions:
        return []
    manifests = webhook_configurations("all", _admission(installation), service=_service(installation))
    return [entry["name"] for each in manifests for entry in each["webhooks"] if "matchConditions" in entry]


def _admission(installation: Installation) -> list[AdmissionWebhook]:
    return [webhook for webhook in installation.webhooks if isinstance(webhook, AdmissionWebhook)]


def _converted(
    installation: Installation, server: ServerFeatures, conversion: Conversion[Any], webhook: ConversionWebhook
) -> Manifest:
    others = [kind for kind in conversion.kinds.values() if kind is not conversion.hub]
    manifest = _definition(server, conversion.hub, *others)
    manifest["spec"]["conversion"] = conversion_stanza(webhook, service=_service(installation))
    return manifest


def _service(installation: Installation) -> ServiceReference:
    return ServiceReference(webhook_service(installation.name), installation.namespace, WEBHOOK_PORT)


def _definition(server: ServerFeatures, kind: type[Resource], *older: type[Resource]) -> Manifest:
    manifest = crd_for(kind, *older, validations=server.rules)
    for rules in _rules_in(manifest):
        rules[:] = [_known(rule, server) for rule in rules if _can_hold(rule, server)]
    return manifest


def _can_hold(rule: Manifest, server: ServerFeatures) -> bool:
    """A rule that looks at what may not have been there cannot do without that field; texts can be left out."""
    return "optionalOldSelf" not in rule or "optionalOldSelf" in server.rule_fields


def _known(rule: Manifest, server: ServerFeatures) -> Manifest:
    return {key: value for key, value in rule.items() if key in server.rule_fields}


def _rules_in(value: Any) -> Iterator[list[Manifest]]:
    if isinstance(value, dict):
        rules = value.get(VALIDATIONS)
        if isinstance(rules, list):
            yield rules
        for key, member in value.items():
            if key != VALIDATIONS:
                yield from _rules_in(member)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for member in value:
            yield from _rules_in(member)
