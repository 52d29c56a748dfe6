"""The one table. Its columns serve queries; what counts is `body`, the canonical text of the entry that was hashed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

# SQLite numbers rows by itself only in a column that is called INTEGER.
_Position = BigInteger().with_variant(Integer(), "sqlite")

records = Table(
    "kubernaut_audit",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=True),
    Column("id", String(256), nullable=False, unique=True),
    Column("uid", String(128), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", String(63), nullable=False),
    Column("namespace", String(63), nullable=True),
    Column("name", String(253), nullable=False),
    Column("action", String(63), nullable=False),
    Column("outcome", String(63), nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("body", Text, nullable=False),
    # Of two writers that number the same subject at once, one is told to look again.
    UniqueConstraint("uid", "sequence", name="kubernaut_audit_chain"),
    Index("kubernaut_audit_time", "time"),
    Index("kubernaut_audit_name", "namespace", "name"),
    sqlite_autoincrement=True,
)
