"""The table of records."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "kubernaut_audit",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("id", sa.String(256), nullable=False, unique=True),
        sa.Column("uid", sa.String(128), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(63), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=True),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("action", sa.String(63), nullable=False),
        sa.Column("outcome", sa.String(63), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("uid", "sequence", name="kubernaut_audit_chain"),
        sqlite_autoincrement=True,
    )
    op.create_index("kubernaut_audit_time", "kubernaut_audit", ["time"])
    op.create_index("kubernaut_audit_name", "kubernaut_audit", ["namespace", "name"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("kubernaut_audit")
