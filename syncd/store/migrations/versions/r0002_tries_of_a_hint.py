"""How often a record could not be read"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("hint", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
