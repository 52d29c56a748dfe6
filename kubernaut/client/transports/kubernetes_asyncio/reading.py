"""Turns the entries of a kubeconfig into a Target, and refuses what cannot work with the field and a fix."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kubernaut.client.transport import HeaderValue
from kubernaut.client.transports.kubernetes_asyncio.kubeconfig import Entry, Kubeconfig
from kubernaut.client.transports.kubernetes_asyncio.target import (
    AuthProvider,
    Cluster,
    ExecPlugin,
    Secret,
    Server,
    Target,
    User,
)

__all__ = ["target_of"]

EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
INTERACTIVE = ("Never", "IfAvailable", "Always")


def target_of(config: Kubeconfig, context: str | None = None) -> Target:
    """The cluster and user of ``context`` (None: the current one). Raises ConfigError."""
    chosen = config.context(context)
    cluster = config.named("clusters", chosen, "cluster")
    if cluster is None:
        raise chosen.error("cluster", "names no cluster")
    user = config.named("users", chosen, "user")
    read = _cluster(cluster)
    return Target(
        f"{chosen.source} ({chosen.field.removesuffix('.context')})",
        read,
        _user(user, cluster, read) if user is not None else User(),
        chosen.text("namespace"),
    )


def _cluster(entry: Entry) -> Cluster:
    ca = _secret(entry, "certificate-authority")
    insecure = entry.flag("insecure-skip-tls-verify")
    if ca is not None and insecure:
        problem = "contradicts certificate-authority: a CA, or no check of the server"
        raise entry.error("insecure-skip-tls-verify", problem, "Leave out one of the two")
    text = entry.text("server")
    if text is None:
        raise entry.error("server", "names no API server", "Give its URL, as in https://10.0.0.1:6443")
    server = Server.parse(text, entry.source, field=f"{entry.field}.server", tls=insecure or ca is not None)
    return Cluster(
        server,
        ca,
        not insecure,
        entry.text("tls-server-name"),
        entry.text("proxy-url"),
        not entry.flag("disable-compression"),
    )


def _user(entry: Entry, cluster_entry: Entry, cluster: Cluster) -> User:
    certificate, key = _secret(entry, "client-certificate"), _secret(entry, "client-key")
    if (certificate is None) != (key is None):
        missing = "client-key" if key is None else "client-certificate"
        raise entry.error(missing, "is missing: a certificate and its key go together")
    token_file = entry.path("tokenFile")
    username, password = entry.text("username"), entry.text("password")
    if username is not None and entry.text("token") is not None:
        raise entry.error("username", "is set together with token", "Leave out one of the two")
    plugin = _plugin(entry, cluster_entry, cluster)
    provider = _provider(entry)
    if plugin is not None and provider is not None:
        raise entry.error("exec", "is set together with auth-provider", "Leave out one of the two")
    return User(
        entry.text("token"),
        Secret(f"{entry.field}.tokenFile", path=token_file) if token_file is not None else None,
        (username, password or "") if username is not None else None,
        certificate,
        key,
        plugin,
        provider,
        _impersonation(entry),
    )


def _secret(entry: Entry, key: str) -> Secret | None:
    """The field ``key``-data if it is there, else the file that ``key`` names."""
    encoded = entry.text(f"{key}-data")
    if encoded is not None:
        field = f"{entry.field}.{key}-data"
        try:
            return Secret(field, data=base64.b64decode("".join(encoded.split()), validate=True))
        except binascii.Error:
            raise entry.error(f"{key}-data", "is no base64") from None
    path = entry.path(key)
    return Secret(f"{entry.field}.{key}", path=path) if path is not None else None


def _impersonation(entry: Entry) -> dict[str, HeaderValue]:
    """The headers for ``as`` and its companions (client-go: transport/round_trippers.go)."""
    headers: dict[str, HeaderValue] = {}
    if (user := entry.text("as")) is not None:
        headers["impersonate-user"] = user
    if (uid := entry.text("as-uid")) is not None:
        headers["impersonate-uid"] = uid
    if groups := _texts(entry, "as-groups"):
        headers["impersonate-group"] = groups
    extras = entry.value.get("as-user-extra") or {}
    if not isinstance(extras, Mapping):
        raise entry.error("as-user-extra", "holds no fields")
    for name in extras:
        values = _texts(Entry(entry.source, f"{entry.field}.as-user-extra", extras, entry.file), name)
        headers[f"impersonate-extra-{quote(str(name).lower(), safe='')}"] = values
    if headers and "impersonate-user" not in headers:
        raise entry.error("as", "is missing: groups, uid and extra belong to a user that is acted as")
    return headers


def _texts(entry: Entry, key: str) -> tuple[str, ...]:
    values = entry.value.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise entry.error(key, "is no list of texts")
    return tuple(values)


def _plugin(user: Entry, cluster_entry: Entry, cluster: Cluster) -> ExecPlugin | None:
    entry = _inner(user, "exec")
    if entry is None:
        return None
    version, command = entry.text("apiVersion"), entry.text("command")
    if version not in EXEC_VERSIONS:
        fix = f"{' or '.join(EXEC_VERSIONS)}; a newer version of the plugin writes that"
        raise entry.error("apiVersion", f"{version!r} is not supported", fix)
    if command is None:
        raise entry.error("command", "names no command")
    # v1beta1 had no such field; there the plugin may ask when there is somebody to answer.
    interactive = entry.text("interactiveMode") or "IfAvailable"
    if interactive not in INTERACTIVE:
        raise entry.error("interactiveMode", f"{interactive!r} is none of {', '.join(INTERACTIVE)}")
    return ExecPlugin(
        entry.field,
        version,
        (_command(command, entry), *_texts(entry, "args")),
        _environment(entry),
        entry.text("installHint") or "",
        _cluster_info(cluster_entry, cluster) if entry.flag("provideClusterInfo") else None,
        interactive,
    )


def _command(command: str, entry: Entry) -> str:
    """A bare name is looked up in PATH, another relative path starts at the kubeconfig's folder."""
    if os.sep not in command or entry.file is None:
        return command
    return str(entry.file.parent / command)


def _environment(entry: Entry) -> dict[str, str]:
    items = entry.value.get("env") or []
    if not isinstance(items, list):
        raise entry.error("env", "is no list")
    found: dict[str, str] = {}
    for item in items:
        pair = (item.get("name"), item.get("value", "")) if isinstance(item, Mapping) else (None, None)
        if not (isinstance(pair[0], str) and isinstance(pair[1], str)):
            raise entry.error("env", "has an item without a name and a value that are text")
        found[pair[0]] = pair[1]
    return found


def _cluster_info(entry: Entry, cluster: Cluster) -> dict[str, object]:
    """The ``spec.cluster`` of an ExecCredential."""
    info: dict[str, object] = {"server": cluster.server.url}
    if cluster.tls_server_name is not None:
        info["tls-server-name"] = cluster.tls_server_name
    if not cluster.verify:
        info["insecure-skip-tls-verify"] = True
    if cluster.ca is not None:
        info["certificate-authority-data"] = base64.b64encode(cluster.ca.read(entry.source)).decode()
    if cluster.proxy_url is not None:
        info["proxy-url"] = cluster.proxy_url
    for extension in entry.value.get("extensions") or []:
        if extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info


def _provider(user: Entry) -> AuthProvider | None:
    entry = _inner(user, "auth-provider")
    if entry is None:
        return None
    name = entry.text("name")
    if name != "oidc":
        # As client-go since 1.26.
        fix = "Use the provider's exec plugin, such as gke-gcloud-auth-plugin or kubelogin"
        raise entry.error("name", f"{name!r} is not supported, only 'oidc'", fix)
    settings: dict[str, str] = {}
    for key, value in (entry.value.get("config") or {}).items():
        settings[str(key)] = str(value)
    if (ca := settings.get("idp-certificate-authority")) is not None and entry.file is not None:
        settings["idp-certificate-authority"] = str(entry.file.parent / ca)
    owner = user.field.removeprefix("users[").removesuffix("].user")
    return AuthProvider(entry.field, settings, entry.file, owner)


def _inner(entry: Entry, key: str) -> Entry | None:
    value: Any = entry.value.get(key)
    if not value:
        return None
    if not isinstance(value, Mapping):
        raise entry.error(key, "holds no fields")
    file: Path | None = entry.file
    return Entry(entry.source, f"{entry.field}.{key}", value, file)
