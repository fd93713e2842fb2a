"""The foundation: accounts, originals, photos, steps, changes, timeline, uploads, and the queue's own tables."""

from pathlib import Path

from pgqueuer.adapters.persistence.schema_ddl import render_install

from afterglow.infra.db.migrate import run_script
from afterglow.infra.queue.pgqueuer import queue_settings

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script(render_install(queue_settings(), create_schema=False))
    run_script(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
