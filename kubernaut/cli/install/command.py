"""The commands: their options, their exit codes, and one sentence for what cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer

from kubernaut.cli.gateway.manifests import gateway_installation, gateway_manifests
from kubernaut.cli.gateway.settings import FORM
from kubernaut.cli.install.server import NoServer, features
from kubernaut.cli.install.text import as_yaml
from kubernaut.cli.install.wanted import Asked, controllers_of, installation_of, settings_of
from kubernaut.cli.run.sources import Misconfigured
from kubernaut.cli.target import BadTarget, BrokenCode
from kubernaut.install import definitions, own_kinds, render
from kubernaut.install.definitions import dropped_conditions
from kubernaut.reconcile import Manager

NO_ANSWER, UNUSABLE = 1, 2


class Metrics(StrEnum):
    """How metrics are served."""

    PLAIN = "plain"
    PROTECTED = "protected"
    NONE = "none"


_METRICS: dict[Metrics, dict[str, Any]] = {
    Metrics.PLAIN: {},
    Metrics.PROTECTED: {"metrics_secure": True},
    Metrics.NONE: {"metrics_bind": "0"},
}

Given = Annotated[
    str | None,
    typer.Argument(
        metavar="MODULE:ATTR", help="Controllers of your own, as for `kubernaut run`, instead of those of this package."
    ),
]
Version = Annotated[
    str | None, typer.Option(metavar="VERSION", help="Render for this version, such as 1.28; asks no server.")
]
Kubeconfig = Annotated[str | None, typer.Option(metavar="FILE", help="Render for the server of this kubeconfig.")]
Context = Annotated[str | None, typer.Option(metavar="NAME", help="One of the kubeconfig's contexts.")]
Name = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of all its objects. [kubernaut, or the package]"),
]
Namespace = Annotated[
    str | None, typer.Option(metavar="NAME", help="Where it runs; made with it. [kubernaut-system, or NAME]")
]
Image = Annotated[
    str | None, typer.Option(metavar="IMAGE", help="An image of yours whose entry point is `kubernaut`. [NAME:VERSION]")
]
Replicas = Annotated[int, typer.Option(min=0, metavar="NUMBER", help="How many pods; one of them works at a time.")]
Watch = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="Work in these namespaces only. They must exist.",
    ),
]
Shards = Annotated[
    int | None, typer.Option(min=1, metavar="NUMBER", help="Divide the work among the replicas, by so many leases.")
]
MetricsOption = Annotated[Metrics, typer.Option(help="`protected`: shown only to those whom the API server lets.")]
Config = Annotated[
    str | None, typer.Option(metavar="FILE", help="Settings of `kubernaut run`; goes into a ConfigMap as it is.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting of `kubernaut run`; repeatable."),
]

Secret = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A Secret of yours whose keys are variables."),
]

Gateway = Annotated[
    bool,
    typer.Option("--gateway", help="What `kubernaut gateway` needs instead; --config and --set are its settings."),
]


def crds(
    target: Given = None, kubernetes: Version = None, kubeconfig: Kubeconfig = None, context: Context = None
) -> None:
    """Print the CustomResourceDefinitions, for `kubectl apply -f -`.

    They are rendered for the server of your kubeconfig; without one that answers, for the newest that is supported, and
    standard error says so.

    Exit codes: 0 printed; 1 the server that --kubeconfig or --context names cannot be asked; 2 what was given cannot be
    used.
    """
    with _told():
        if target is None:
            controllers = installation_of(Asked()).controllers
        else:
            made = controllers_of(target)
            controllers = made.controllers if isinstance(made, Manager) else made
        manifests = definitions(own_kinds(controllers), features(kubernetes, kubeconfig, context, _note))
    if not manifests:
        _note(f"{target} defines no kinds")
    typer.echo(as_yaml(manifests), nl=False)


def manifests(
    target: Given = None,
    name: Name = None,
    namespace: Namespace = None,
    image: Image = None,
    replicas: Replicas = 2,
    watch: Watch = None,
    shards: Shards = None,
    metrics: MetricsOption = Metrics.PLAIN,
    config: Config = None,
    secret: Secret = None,
    gateway: Gateway = False,
    settings: Set = None,
    kubernetes: Version = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print everything that it takes to run controllers in a cluster, for `kubectl apply -f -`.

    Namespaces, CRDs, ServiceAccounts with the least rights, a Deployment of `kubernaut run`, a PodDisruptionBudget,
    Services, a NetworkPolicy and webhook configurations. They are rendered for the server of your kubeconfig; without
    one that answers, for the newest that is supported, and standard error says so.

    With --gateway: of `kubernaut gateway` instead, which comes beside the controllers.

    Exit codes: 0 printed; 1 the server that --kubeconfig or --context names cannot be asked; 2 what was given cannot be
    used.
    """
    with _told():
        if gateway:
            _refuse_beside_gateway(MODULE_ATTR=target, watch=watch, shards=shards)
            given = settings_of(settings or (), FORM.settings) | _METRICS[metrics]
            installation = gateway_installation(Asked(None, name, namespace, image, replicas, config, secret, given))
        else:
            given = settings_of(settings or ()) | _METRICS[metrics]
            given |= {field: value for field, value in (("namespace", watch), ("shards", shards)) if value is not None}
            installation = installation_of(Asked(target, name, namespace, image, replicas, config, secret, given))
        server = features(kubernetes, kubeconfig, context, _note)
        rendered = (gateway_manifests if gateway else render)(installation, server)
    for webhook in dropped_conditions(installation, server):
        _note(f"the server knows no matchConditions: the webhook {webhook} is asked about all that its rules match")
    typer.echo(as_yaml(rendered), nl=False)


def _refuse_beside_gateway(**options: object) -> None:
    given = [name.replace("_", ":") for name, value in options.items() if value is not None]
    if given:
        raise ValueError(f"{given[0]} has no meaning with --gateway: leave it out")


@contextmanager
def _told() -> Iterator[None]:
    """One sentence for each thing that cannot be used, and the exit code."""
    try:
        yield
    except NoServer as error:
        _note(str(error))
        raise typer.Exit(NO_ANSWER) from None
    except Misconfigured as error:
        for problem in error.problems:
            _note(str(problem))
        raise typer.Exit(UNUSABLE) from None
    except (BadTarget, BrokenCode, ValueError) as error:
        _note(str(error))
        raise typer.Exit(UNUSABLE) from None


def _note(text: str) -> None:
    typer.echo(f"kubernaut: {text}", err=True)
