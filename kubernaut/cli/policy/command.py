"""`kubernaut policy check|test`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from kubernaut.cli.manifests import InputError
from kubernaut.cli.policy.asking import Answer, Circumstances, ask
from kubernaut.cli.policy.showing import as_json, as_text
from kubernaut.policy import (
    BundleError,
    CombinedEvaluator,
    PolicyEvaluator,
    PolicyUnavailable,
    RegoEvaluator,
    run_rego_tests,
)

ALLOWED = 0
DENIED = 1
"""Exit code when the policy denies one of the executions, or one of its tests fails."""
UNUSABLE = 2
"""Exit code for input, or rules, that cannot be used."""
APPROVAL = 3
"""Exit code when nothing is denied and an approval is needed."""

policy = typer.Typer(name="policy", help="Ask and test the policy.", no_args_is_help=True)

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="KubernetesExecutions; '-' is standard input.")]
Bundles = Annotated[
    list[Path] | None,
    typer.Option("--bundle", metavar="DIR", help="A folder of rules; several must all agree."),
]
Opa = Annotated[str | None, typer.Option("--opa", metavar="URL", help="Ask this OPA server (as well, with --bundle).")]
Labels = Annotated[list[str] | None, typer.Option("--namespace-label", metavar="KEY=VALUE", help="Of its namespace.")]
TargetLabels = Annotated[list[str] | None, typer.Option("--target-label", metavar="KEY=VALUE", help="Of the target.")]
User = Annotated[str, typer.Option("--user", help="Who asks; for executions that are not stamped.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="The groups of who asks.")]
Time = Annotated[str | None, typer.Option("--time", help="When, such as 2024-01-01T03:00:00Z; now by default.")]
Live = Annotated[bool, typer.Option("--live", help="Read the labels from the cluster of the kubeconfig.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show the question that the policy was asked as well.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@policy.command()
def check(
    files: Files,
    bundle: Bundles = None,
    opa: Opa = None,
    namespace_label: Labels = None,
    target_label: TargetLabels = None,
    user: User = "",
    group: Groups = None,
    time: Time = None,
    live: Live = False,
    explain: Explain = False,
    json: Json = False,
) -> None:
    """What the policy says to KubernetesExecutions, and why.

    Exit codes: 0 allowed, 1 denied, 2 input or rules that cannot be used, 3 allowed once it is approved.
    """
    try:
        circumstances = Circumstances.of(namespace_label or (), target_label or (), user, group or (), time, live)
        answers = asyncio.run(_asked(files, bundle or (), opa, circumstances))
    except (InputError, PolicyUnavailable) as error:
        _fail(str(error))
    typer.echo(as_json(answers) if json else as_text(answers, explain=explain), nl=False)
    raise typer.Exit(max((_code(answer) for answer in answers), key=(ALLOWED, APPROVAL, DENIED, UNUSABLE).index))


@policy.command()
def test(bundle: Bundles = None) -> None:
    """Run the Rego tests of bundles.

    Exit codes: 0 all pass, 1 one fails, 2 the rules do not compile or there are no tests.
    """
    failed = ran = 0
    for path in bundle or (None,):
        try:
            outcomes = run_rego_tests(path)
        except (BundleError, PolicyUnavailable) as error:
            _fail(str(error))
        for outcome in outcomes:
            ran += 1
            failed += not outcome.passed
            inputs = f" (questions {', '.join(map(str, outcome.failed))})" if outcome.failed else ""
            typer.echo(f"{'PASS' if outcome.passed else 'FAIL'} {outcome.package}.{outcome.name}{inputs}")
    if not ran:
        _fail("there are no tests: write rules test_... in a file *_test.rego")
    typer.echo(f"{ran - failed} passed, {failed} failed")
    raise typer.Exit(DENIED if failed else ALLOWED)


async def _asked(
    files: list[str], bundles: list[Path] | tuple[()], opa: str | None, circumstances: Circumstances
) -> list[Answer]:
    evaluators: list[PolicyEvaluator] = [RegoEvaluator(path) for path in bundles]
    if opa is None:
        evaluator = CombinedEvaluator(evaluators) if len(evaluators) > 1 else (evaluators or [RegoEvaluator()])[0]
        return await ask(evaluator, files, circumstances)
    from kubernaut.policy import OpaEvaluator  # the HTTP library is imported by those who ask a server

    async with OpaEvaluator(opa) as server:
        return await ask(CombinedEvaluator([*evaluators, server]), files, circumstances)


def _code(answer: Answer) -> int:
    if answer.decision is None:
        return UNUSABLE
    if not answer.decision.allowed:
        return DENIED
    return APPROVAL if answer.decision.requires_approval else ALLOWED


def _fail(text: str) -> NoReturn:
    typer.echo(f"kubernaut: {text}", err=True)
    raise typer.Exit(UNUSABLE)
