"""The table of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(10), nullable=False, index=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("format", sa.String(10), nullable=False),
        sa.Column("text_columns", sa.JSON, nullable=False),
        sa.Column("by", sa.Text),
        sa.Column("scores", sa.Boolean, nullable=False),
        sa.Column("redact", sa.Boolean, nullable=False),
        sa.Column("excel_nl", sa.Boolean, nullable=False),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("rows_done", sa.Integer, nullable=False),
        sa.Column("rows", sa.Integer),
        sa.Column("row_errors", sa.JSON, nullable=False),
        sa.Column("report", sa.Boolean, nullable=False),
        sa.Column("bundle", sa.JSON),
        sa.Column("error_type", sa.String(40)),
        sa.Column("error", sa.Text),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("finished", sa.DateTime),
    )


def downgrade() -> None:
    op.drop_table("jobs")
