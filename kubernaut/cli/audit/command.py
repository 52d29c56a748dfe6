"""`kubernaut audit list|show|export|verify|purge|migrate`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from kubernaut.audit import AuditQuery, AuditRecord, AuditRefused, AuditStore, AuditUnavailable, open_store, verify
from kubernaut.audit.store import MAX_LIMIT
from kubernaut.cli.audit.times import moment, parse_age
from kubernaut.cli.audit.writing import as_csv, as_json, as_text, table
from kubernaut.cli.calling import UNAVAILABLE, UNUSABLE, Kubeconfig, KubeContext, call, fail, tell
from kubernaut.client import Client

FOUND = 0
BROKEN = 1
"""Exit code for a chain that does not hold, and for a name that the log does not know."""

audit = typer.Typer(
    name="audit",
    help="Read the audit log of what was done to the cluster.\n\n"
    "Exit codes: 0 done, 1 not found or tampered with, 2 input that cannot be used, 4 the store cannot be reached.",
    no_args_is_help=True,
)

Store = Annotated[
    str,
    typer.Option(
        "--store", envvar="KUBERNAUT_AUDIT_STORE", metavar="URL", help="sqlite:///FILE, postgresql://..., https://..."
    ),
]
Token = Annotated[
    str | None,
    typer.Option("--token", envvar="KUBERNAUT_AUDIT_TOKEN", help="For a store behind HTTP.", show_envvar=True),
]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Of the objects that the log tells of.")]
Action = Annotated[str | None, typer.Option("--action", help="Such as scale-deployment.")]
OutcomeOption = Annotated[str | None, typer.Option("--outcome", help="Such as failed.")]
Since = Annotated[str | None, typer.Option("--since", help="A time, or an age such as 90m, 12h or 7d.")]
Until = Annotated[str | None, typer.Option("--until", help="A time, or an age.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=MAX_LIMIT, help="The newest so many.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated values with a heading.")]
DEFAULT_STORE = "sqlite:///kubernaut-audit.db"


@audit.command("list")
def list_(
    store: Store = DEFAULT_STORE,
    namespace: Namespace = None,
    action: Action = None,
    outcome: OutcomeOption = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    json: Json = False,
    token: Token = None,
) -> None:
    """The newest records, one line each."""
    query = replace(_query(namespace, action, outcome, since, until), limit=limit, newest=True)

    async def show(opened: AuditStore) -> int:
        records = await opened.query(query)
        typer.echo(as_json(records) if json else table(records), nl=False)
        return FOUND

    _run(store, token, show)


@audit.command("show")
def show_(
    name: Annotated[str, typer.Argument(help="The name of an execution, or its uid.")],
    store: Store = DEFAULT_STORE,
    namespace: Namespace = None,
    json: Json = False,
    token: Token = None,
) -> None:
    """Everything that was recorded of one execution, and whether its chain holds."""

    async def show(opened: AuditStore) -> int:
        records = [record async for record in _pages(opened, AuditQuery(name=name, namespace=namespace))]
        records = records or [record async for record in _pages(opened, AuditQuery(uid=name))]
        if not records:
            typer.echo(f"kubernaut: the log has nothing of {name!r}", err=True)
            return BROKEN
        typer.echo(as_json(records) if json else as_text(records), nl=False)
        return _tell(records, quiet=True)

    _run(store, token, show)


@audit.command("export")
def export(
    store: Store = DEFAULT_STORE,
    namespace: Namespace = None,
    action: Action = None,
    outcome: OutcomeOption = None,
    since: Since = None,
    until: Until = None,
    json: Json = False,
    csv: Csv = False,
    token: Token = None,
) -> None:
    """All records, oldest first, as JSON lines (the default) or CSV."""
    if json and csv:
        fail("--json, --csv: give one of the two", UNUSABLE)
    query = _query(namespace, action, outcome, since, until)

    async def write(opened: AuditStore) -> int:
        page: list[AuditRecord] = []
        heading = True
        async for record in _pages(opened, query):
            page.append(record)
            if len(page) == MAX_LIMIT:
                typer.echo(as_csv(page, heading=heading) if csv else as_json(page), nl=False)
                heading, page = False, []
        typer.echo(as_csv(page, heading=heading) if csv else as_json(page), nl=False)
        return FOUND

    _run(store, token, write)


@audit.command("verify")
def verify_(
    store: Store = DEFAULT_STORE,
    token: Token = None,
    live: Annotated[
        bool, typer.Option("--live", help="Also compare with the last hashes that the cluster keeps.")
    ] = False,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="With --live; all by default.")] = None,
    kubeconfig: Kubeconfig = None,
    context: KubeContext = None,
) -> None:
    """Check every chain: whether a record was changed, removed or put in since it was written.

    A chain that is gone as a whole, or lacks its end, is seen only by --live: each execution names its last hash in the
    condition AuditRecorded.
    """
    if not live and (namespace or kubeconfig or context):
        fail("--namespace, --kubeconfig, --context: only with --live", UNUSABLE)

    async def check(opened: AuditStore) -> int:
        return _tell([record async for record in _pages(opened, AuditQuery())], quiet=False)

    async def compared(client: Client, _: str) -> int:
        from kubernaut.cli.audit.live import compare  # the controllers are imported by those who use them

        async with open_store(store, migrate=False, token=token) as opened:
            code = await check(opened)
            looked_at, others, broken = await compare(opened, client, namespace)
        for each in broken:
            typer.echo(f"BROKEN {each}", err=True)
        if not broken:
            typer.echo(f"{looked_at} executions in the cluster: the log ends as they say")
        if others:
            rest = "1 other has" if others == 1 else f"{others} others have"
            tell(f"only executions that have ended and are recorded are looked at; {rest} not, in the cluster")
        return BROKEN if broken else code

    if live:
        with _told():
            raise typer.Exit(call(compared, namespace, kubeconfig, context))
    _run(store, token, check)


@audit.command("purge")
def purge(
    older_than: Annotated[str, typer.Option("--older-than", help="An age such as 365d.")],
    store: Store = DEFAULT_STORE,
    token: Token = None,
) -> None:
    """Forget executions to which nothing has happened for so long."""
    try:
        age = parse_age(older_than)
    except ValueError as error:
        fail(f"--older-than: {error}", UNUSABLE)

    async def forget(opened: AuditStore) -> int:
        gone = await opened.purge(datetime.now(UTC) - age)
        typer.echo(f"{gone} record{'' if gone == 1 else 's'} removed")
        return FOUND

    _run(store, token, forget)


@audit.command("migrate")
def migrate(store: Store = DEFAULT_STORE) -> None:
    """Bring the tables of a database to this version's form."""

    async def done(opened: AuditStore) -> int:
        typer.echo("the tables are up to date")
        return FOUND

    _run(store, None, done, migrate=True)


def _query(
    namespace: str | None, action: str | None, outcome: str | None, since: str | None, until: str | None
) -> AuditQuery:
    now = datetime.now(UTC)
    try:
        if outcome is not None:
            _check_outcome(outcome)
        return AuditQuery(
            namespace=namespace,
            action=action,
            outcome=outcome,
            since=None if since is None else moment(since, now, "--since"),
            until=None if until is None else moment(until, now, "--until"),
        )
    except ValueError as error:
        fail(str(error), UNUSABLE)


def _check_outcome(outcome: str) -> None:
    """A word that no record has would find nothing, as if nothing had happened. Raises ValueError."""
    from kubernaut.cli.run.values import nearest  # these are imported by those who use them
    from kubernaut.remediation.execution.auditing.entries import OUTCOMES

    if outcome not in OUTCOMES:
        raise ValueError(f"--outcome: there is no outcome {outcome!r}: {nearest(outcome, OUTCOMES)}")


async def _pages(store: AuditStore, query: AuditQuery) -> AsyncIterator[AuditRecord]:
    query = replace(query, limit=MAX_LIMIT)
    while page := await store.query(query):
        for record in page:
            if record.position <= query.after:
                raise AuditUnavailable(f"the store gave record {record.position} again when asked for what follows it")
            query = replace(query, after=record.position)
            yield record


def _tell(records: list[AuditRecord], *, quiet: bool) -> int:
    broken = verify(records)
    for each in broken:
        typer.echo(f"BROKEN {each}", err=True)
    if not broken and not quiet:
        subjects = len({record.entry.subject.uid for record in records})
        typer.echo(f"{len(records)} records of {subjects} executions: every chain holds")
    return BROKEN if broken else FOUND


def _run(url: str, token: str | None, body: Callable[[AuditStore], Awaitable[int]], *, migrate: bool = False) -> None:
    async def main() -> int:
        async with open_store(url, migrate=migrate, token=token) as store:
            return await body(store)

    with _told():
        raise typer.Exit(asyncio.run(main()))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except AuditUnavailable as error:
        fail(str(error), UNAVAILABLE)
    except (AuditRefused, ValueError) as error:
        fail(str(error), UNUSABLE)
