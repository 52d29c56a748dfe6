"""The audit store in an SQL database: SQLite or PostgreSQL."""

from kubernaut.audit.sql.engine import open_sql
from kubernaut.audit.sql.quiet import quieten
from kubernaut.audit.sql.store import SqlAuditStore

__all__ = ["SqlAuditStore", "open_sql"]

quieten()
