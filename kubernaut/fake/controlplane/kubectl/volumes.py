"""The files that a pod's Secret and ConfigMap volumes bring: a command reads them, and waits until they are there."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Mapping

from kubernaut.client import Client, NotFound
from kubernaut.resources.builtin.core_v1 import ConfigMap, Pod, Secret

_AGAIN = 1.0
"""Seconds after which a volume that is missing is looked for again, as a kubelet does."""


async def mounted_files(client: Client, pod: Pod) -> dict[str, bytes]:
    """The content by absolute path. Waits for what is missing, as a container does not start without its volumes."""
    files: dict[str, bytes] = {}
    for volume in pod.spec.volumes:
        places = [
            mount.mount_path
            for container in pod.spec.containers
            for mount in container.volume_mounts
            if mount.name == volume.name
        ]
        if not places:
            continue
        found: Mapping[str, bytes] = {}
        if volume.secret is not None:
            found = await _secret(client, pod, volume.secret.secret_name or "", bool(volume.secret.optional))
        elif volume.config_map is not None:
            found = await _config_map(client, pod, volume.config_map.name or "", bool(volume.config_map.optional))
        files |= {f"{place.rstrip('/')}/{key}": value for place in places for key, value in found.items()}
    return files


async def _secret(client: Client, pod: Pod, name: str, optional: bool) -> dict[str, bytes]:
    while True:
        try:
            secret = await client.get(Secret, name, namespace=pod.namespace)
            return {key: b64decode(value) for key, value in secret.data.items()}
        except NotFound:
            if optional:
                return {}
        await asyncio.sleep(_AGAIN)


async def _config_map(client: Client, pod: Pod, name: str, optional: bool) -> dict[str, bytes]:
    while True:
        try:
            held = await client.get(ConfigMap, name, namespace=pod.namespace)
            return {key: value.encode() for key, value in held.data.items()}
        except NotFound:
            if optional:
                return {}
        await asyncio.sleep(_AGAIN)
