"""What alembic runs: the steps, on the connection that it is handed."""

from alembic import context

from kubernaut.audit.sql.migrating import VERSION_TABLE
from kubernaut.audit.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=False,  # the transaction is that of the caller
)
context.run_migrations()
