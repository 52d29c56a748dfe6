"""Restricts controllers to namespaces: what they watch, and so what they need rights to."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from kubernaut.reconcile import Controller, Permission, Watch
from kubernaut.reconcile.controller import Namespaces


def restricted(controller: Controller, namespaces: Sequence[str]) -> Controller:
    """The controller within `namespaces` only; itself when there are none.

    What it was restricted to by itself stays so, and a watch that names its namespaces keeps them: its objects lie
    there whatever is worked on. Kinds without namespaces are watched as before. Rights to the kinds that it owns are
    restricted too, for these lie beside their owners. Raises ValueError when nothing is left.
    """
    if not namespaces:
        return controller
    within = copy.copy(controller)
    if controller.kind.resource_type.namespaced:
        within.namespace = _both(controller.name, controller.namespace, namespaces)
        owned = {owns.kind.resource_type.group_resource for owns in controller.owns}
        within.permissions = tuple(
            right for each in controller.permissions for right in _right(each, owned, within.namespace)
        )
    within.watches = tuple(_watch(watch, namespaces) for watch in controller.watches)
    return within


def _right(permission: Permission, owned: Collection[str], namespaces: Sequence[str]) -> Iterator[Permission]:
    resource = f"{permission.plural}.{permission.group}" if permission.group else permission.plural
    if permission.namespace is not None or resource not in owned:
        yield permission
        return
    for namespace in namespaces:
        yield replace(permission, namespace=namespace)


def _both(name: str, own: Namespaces, given: Sequence[str]) -> list[str]:
    if own is None:
        return list(given)
    known = [own] if isinstance(own, str) else own
    left = [namespace for namespace in known if namespace in given]
    if not left:
        raise ValueError(f"the controller {name} works in {', '.join(known)} only, which is none of these")
    return left


def _watch(watch: Watch, namespaces: Sequence[str]) -> Watch:
    if watch.namespace is not None or not watch.kind.resource_type.namespaced:
        return watch
    return replace(watch, namespace=list(namespaces))
