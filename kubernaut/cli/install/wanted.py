"""What the command line asks to install: this package's controllers, or the user's own."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from kubernaut import __version__
from kubernaut.actions import Catalog, rbac_manifests
from kubernaut.cli.install.managers import port_of, ports_of, webhooks_of
from kubernaut.cli.run.consistency import election_of
from kubernaut.cli.run.namespaces import restricted
from kubernaut.cli.run.part import Part
from kubernaut.cli.run.parts import PARTS, available, chosen, execution_config
from kubernaut.cli.run.policy import SHIPPED
from kubernaut.cli.run.settings import Described, RunSettings, described
from kubernaut.cli.run.sources import CONFIG, Configuration, Misconfigured, Problem, read
from kubernaut.cli.run.values import nearest
from kubernaut.cli.target import Target, imports_from_here, load, unconnected
from kubernaut.install import CONFIG_FILE, Installation, Manifest
from kubernaut.install.network import closed_namespace
from kubernaut.reconcile import Controller, LeaderElection, Manager
from kubernaut.resources import Resource

NAME = "kubernaut"
EXECUTIONS = "executions"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were given. `settings` are those of `kubernaut run`, by field; None where left out."""

    target: str | None = None
    name: str | None = None
    namespace: str | None = None
    image: str | None = None
    replicas: int = 2
    config: str | None = None
    secret: str | None = None
    settings: Mapping[str, Any] | None = None


def controllers_of(target: str) -> Manager | list[Controller]:
    """The user's controllers, made without a cluster. Raises BadTarget, BrokenCode."""
    with imports_from_here():
        return asyncio.run(load(Target.parse(target), unconnected()))


def installation_of(asked: Asked) -> Installation:
    """Everything that is to be installed.

    Raises Misconfigured, BadTarget, BrokenCode; ValueError for names and numbers that cannot be used.
    """
    if asked.target is not None:
        made = controllers_of(asked.target)
        if isinstance(made, Manager):
            return _of_manager(asked, made)
        name, configuration, args = _configured(asked)
        return _of_controllers(asked, name, configuration, args, made)
    name, configuration, args = _configured(asked)
    known = _without_policy(configuration)
    parts = [PARTS[part](known) for part in chosen(known, available(known))]
    return _of_parts(asked, name, known, args, parts)


def _without_policy(configuration: Configuration) -> Configuration:
    """The policy and the rules lie where the process will run, and no right follows from them."""
    left_out = {"policy_bundle": (SHIPPED,), "policy_opa": None, "analysis_rules": (), "shipped_rules": True}
    left_out |= {"analyzer_url": None, "analyzer_token_file": None, "analyzer_ca": None}
    return replace(configuration, settings=configuration.settings.model_copy(update=left_out))


def _of_parts(
    asked: Asked, name: str, configuration: Configuration, args: Sequence[str], parts: Sequence[Part]
) -> Installation:
    settings = configuration.settings
    extra: list[Manifest | Resource] = []
    if any(part.name == EXECUTIONS for part in parts):
        catalog: Catalog = execution_config(configuration).catalog
        extra += rbac_manifests(catalog, settings.executor_namespace)
        extra.append(closed_namespace(name, settings.executor_namespace))
    return _installation(
        asked,
        name,
        configuration,
        args,
        controllers=_restricted(configuration, [part.controller for part in parts]),
        webhooks=[webhook for part in parts for webhook in part.webhooks] if settings.webhooks else [],
        extra=extra,
    )


def _of_controllers(
    asked: Asked, name: str, configuration: Configuration, args: Sequence[str], made: Sequence[Controller]
) -> Installation:
    names = chosen(configuration, [one.name for one in made])
    wanted = [one for one in made if one.name in names]
    return _installation(asked, name, configuration, args, controllers=_restricted(configuration, wanted))


def _of_manager(asked: Asked, manager: Manager) -> Installation:
    """The manager says itself how it runs; `kubernaut run` is told of it alone."""
    given = dict(asked.settings or {})
    if given or asked.config is not None:
        text = f"{asked.target} makes a Manager, which says itself how it runs: leave the settings out"
        raise Misconfigured([Problem(next(iter(given), CONFIG).replace("_", "-"), text)])
    name = asked.name or _default_name(asked)
    namespace = asked.namespace or name
    ports = ports_of(manager)
    return Installation(
        name=name,
        namespace=namespace,
        image=asked.image or f"{name}:{__version__}",
        args=["run", str(asked.target)],
        controllers=manager.controllers,
        leader_election=manager.leader_election,
        replicas=asked.replicas,
        metrics_port=ports.get("metrics_bind"),
        health_port=ports.get("health_bind"),
        webhooks=webhooks_of(manager, name, namespace),
        webhook_port=ports.get("webhooks", 0),
        graceful_timeout=manager.graceful_timeout,
    )


def _installation(
    asked: Asked, name: str, configuration: Configuration, args: Sequence[str], **parts: Any
) -> Installation:
    settings = configuration.settings
    return Installation(
        name=name,
        namespace=asked.namespace or _namespace_of(name, asked.target),
        image=asked.image or f"{name}:{__version__}",
        args=args,
        leader_election=_election(settings, name),
        replicas=asked.replicas,
        metrics_port=port_of(settings.metrics_bind),
        protected_metrics=settings.metrics_secure,
        health_port=port_of(settings.health_bind),
        webhook_port=port_of(settings.webhook_bind) or 0,
        graceful_timeout=settings.graceful_timeout,
        config=config_text(asked.config),
        secret=asked.secret,
        **parts,
    )


def _configured(asked: Asked) -> tuple[str, Configuration, list[str]]:
    """The installation's name, the settings that are in effect, and the arguments of `kubernaut run` that say so."""
    given = dict(asked.settings or {})
    fixed = {"target": asked.target, CONFIG: asked.config}
    from_file = in_file(asked.config)
    name = asked.name or given.get("name") or from_file.get("name") or _default_name(asked)
    defaults: dict[str, Any] = {
        "name": name,
        "leader_elect": True,
        "metrics_bind": ":8080",
        "health_bind": ":8081",
        "log_format": "json",
    }
    if asked.target is None:
        defaults["webhooks"] = True
    given |= {field: value for field, value in defaults.items() if field not in {**from_file, **given}}
    if asked.name is not None:
        given["name"] = asked.name
    return name, read({**given, **fixed}, {}), ["run", *_arguments(asked, given)]


def _arguments(asked: Asked, given: Mapping[str, Any]) -> list[str]:
    target = [asked.target] if asked.target is not None else []
    return target + arguments(described(), asked.config, given)


def arguments(settings: Iterable[Described], config: str | None, given: Mapping[str, Any]) -> list[str]:
    """Options that say what is given, by field, beside a file at `CONFIG_FILE`. Raises Misconfigured for secrets."""
    found = [f"--{CONFIG}={CONFIG_FILE}"] if config is not None else []
    for known in settings:
        value = given.get(known.field)
        if value is None or known.setting.positional:
            continue
        if known.setting.secret:
            text = f"would be read by whoever reads the Deployment: put {known.variable} into a Secret; see --secret"
            raise Misconfigured([Problem(known.key, text)])
        if known.flag:
            found.append(known.option if _is_true(value) else f"--no-{known.key}")
        else:
            found.append(f"{known.option}={value}")
    return found


def _is_true(value: Any) -> bool:
    return value is True or str(value).strip().lower() in ("true", "yes", "on", "1")


def _election(settings: RunSettings, name: str) -> LeaderElection | None:
    if not settings.leader_elect:
        return None
    lease = settings.lease_name or name
    return election_of(settings, name=lease, namespace=settings.lease_namespace, identity=None)


def _restricted(configuration: Configuration, controllers: Sequence[Controller]) -> list[Controller]:
    try:
        return [restricted(one, configuration.settings.namespace) for one in controllers]
    except ValueError as error:
        raise Misconfigured([configuration.problem("namespace", str(error))]) from None


def in_file(path: str | None) -> dict[str, Any]:
    """What a file sets, by field; nothing of a file that cannot be read, which `read` says more about."""
    try:
        content = yaml.safe_load(config_text(path) or "")
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return {str(key).replace("-", "_"): value for key, value in content.items()} if isinstance(content, dict) else {}


def config_text(path: str | None) -> str | None:
    """The file as YAML: JSON is that already, TOML is not. Raises OSError, ValueError."""
    if path is None:
        return None
    text = Path(path).expanduser().read_text(encoding="utf-8")
    return yaml.safe_dump(tomllib.loads(text), sort_keys=False) if path.endswith(".toml") else text


def settings_of(pairs: Sequence[str], settings: Iterable[Described] | None = None) -> dict[str, Any]:
    """Read `KEY=VALUE`, with the keys of `kubernaut run` or of other `settings`, by field. Raises Misconfigured."""
    wanted = described() if settings is None else settings
    known = {each.key: each for each in wanted if not each.setting.positional}
    found: dict[str, Any] = {}
    problems = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            problems.append(Problem(pair, "write --set KEY=VALUE", "option --set"))
        elif key not in known:
            problems.append(Problem(key, f"there is no such setting: {nearest(key, list(known))}", "option --set"))
        else:
            found[known[key].field] = value
    if problems:
        raise Misconfigured(problems)
    return found


def _namespace_of(name: str, target: str | None) -> str:
    return f"{name}-system" if target is None else name


def _default_name(asked: Asked) -> str:
    return NAME if asked.target is None else Target.parse(asked.target).top.replace("_", "-").strip("-").lower()
