"""How many records are kept the same, counted along an index and not through all of them"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_index("ix_entity_live", "entity", ["sync", "deleted"])
    op.drop_index("ix_entity_sync", "entity")
    op.create_index("ix_link_state", "link", ["sync", "app", "state"])
