# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs to get its connection: the one that `migrate` has opened, in its transaction.

Batch mode, since SQLite changes a table by making it anew.
"""

from __future__ import annotations

from alembic import context

from agent.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
