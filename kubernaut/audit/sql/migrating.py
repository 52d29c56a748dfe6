"""Brings the tables of a database to this version's form; the steps are in the folder `migrations`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from kubernaut.audit.store import AuditRefused

VERSION_TABLE = "kubernaut_audit_version"
_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x6B75_6265_6175_6469
"""The key of PostgreSQL's advisory lock: of replicas that start together one migrates and the others wait."""


async def bring_up_to_date(engine: AsyncEngine) -> None:
    """Run the steps that are missing, in one transaction. Raises AuditRefused for a database of a newer version."""
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_upgrade)


async def check_version(engine: AsyncEngine) -> None:
    """Raises AuditRefused unless the database is of this version."""
    async with engine.connect() as connection:
        found = await connection.run_sync(_version)
    wanted = _scripts().get_current_head()
    if found != wanted:
        raise AuditRefused(
            f"the audit tables are of version {found or 'none'}, this is version {wanted}: migrate them with "
            "`kubernaut audit migrate`"
        )


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise AuditRefused(f"the audit tables are of a version that is not known here: {error}") from error


def _version(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    # A `%` in the path would be taken for an interpolation.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
