"""As whom this process speaks to the API server: only that account may write the status of executions."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import Sequence

import anyio
import msgspec

from kubernaut.cli.run.settings import RunSettings
from kubernaut.client import ApiError, Client, ClientError, Forbidden, NotFound
from kubernaut.client.connect import cluster_target
from kubernaut.client.transports.kubernetes_asyncio import ConfigError, Target, in_a_pod
from kubernaut.reconcile.log import logger
from kubernaut.remediation.execution.webhooks import StatusWriters

GROUP = "authentication.k8s.io"
VERSIONS = ("v1", "v1beta1", "v1alpha1")
"""Of SelfSubjectReview (KEP-3325): 1.28, 1.27 and 1.26 know it first; older servers do not."""
ACCOUNT = "system:serviceaccount"
IMPERSONATE = "impersonate-user"
RETRY_SECONDS = (1.0, 15.0)
"""Between attempts to ask the server: the first wait, and the longest."""

_log = logger("kubernaut.run")


class OwnUser:
    """A service: finds out once whose status writes are to be accepted, and tells `writers`.

    The server is asked first; where it does not tell, the token of a ServiceAccount, and for a pod the names of its
    installation. With `--own-user` nobody is asked.
    """

    def __init__(self, client: Client, settings: RunSettings, name: str, writers: Sequence[StatusWriters]) -> None:
        self._client = client
        self._settings = settings
        self._name = name
        self._writers = writers
        self._found: bool | None = None

    @property
    def problem(self) -> str | None:
        """Why the status of executions cannot be written yet."""
        if all(writers.known for writers in self._writers):
            return None
        if self._found is None:
            return "the API server has not told yet as whom this process writes the status of executions"
        return "this process does not know its own username, so nobody can write the status of executions: --own-user"

    async def run(self) -> None:
        """Returns when it is known, or that it cannot be found out."""
        if self.problem is None:
            return
        username = await self._asked()
        self._found = username is not None
        if username is None:
            told = "nobody can write the status of executions: the own username cannot be found out"
            _log.error(told, fix="--own-user system:serviceaccount:NAMESPACE:NAME")
            return
        for writers in self._writers:
            writers.learn([username])
        _log.info("the status of executions is accepted from this account alone", username=username)

    async def _asked(self) -> str | None:
        wait, longest = RETRY_SECONDS
        while True:
            try:
                return await told_by_server(self._client) or await asyncio.to_thread(self._configured)
            except ClientError:  # that the server is away is told by others
                await anyio.sleep(wait)
                wait = min(2 * wait, longest)

    def _configured(self) -> str | None:
        settings = self._settings
        try:
            username = told_by_credentials(cluster_target(settings.kubeconfig, settings.context, None))
        except ConfigError:
            username = None
        namespace = os.environ.get("POD_NAMESPACE")
        if username is None and namespace and in_a_pod():
            return f"{ACCOUNT}:{namespace}:{self._name}"
        return username


async def told_by_server(client: Client) -> str | None:
    """The name by which the server knows the client; None where it does not tell. Raises ClientError."""
    for version in VERSIONS:
        path = f"/apis/{GROUP}/{version}"
        try:
            # Asked for first: a server that does not know the kind would answer that it is forbidden.
            listed = msgspec.json.decode((await client.request("GET", path)).body)
            if not any(each["name"] == "selfsubjectreviews" for each in listed["resources"]):
                continue
            body = {"apiVersion": f"{GROUP}/{version}", "kind": "SelfSubjectReview"}
            answer = await client.request("POST", f"{path}/selfsubjectreviews", body=body)
            return str(msgspec.json.decode(answer.body)["status"]["userInfo"]["username"]) or None
        except (NotFound, Forbidden, msgspec.DecodeError, KeyError, TypeError):
            continue
        except ApiError as error:
            if error.code < 500 and error.code not in (401, 408, 429):
                continue
            raise
    return None


def told_by_credentials(target: Target) -> str | None:
    """The user that credentials name: who is impersonated, else the ServiceAccount of a token. Blocks on files.

    Raises ConfigError. The subject of any other token is not its username: an issuer's prefix may come before it.
    """
    user = target.user
    for header, value in user.impersonation.items():
        if header.lower() == IMPERSONATE:
            return value if isinstance(value, str) else value[0]
    token = user.token_file.read(target.source).decode("ascii", "replace") if user.token_file else user.token
    return _account_of(token) if token else None


def _account_of(token: str) -> str | None:
    parts = token.strip().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) and subject.startswith(f"{ACCOUNT}:") else None
