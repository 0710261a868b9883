"""Alembic runs this: migrate on the connection that `database.connect` gives."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
