"""What users say is wrong or missing: kept with their consent, without personal data that redaction finds, until an age limit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Engine, String, Text, delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column
from starlette.concurrency import run_in_threadpool

from service.data import now
from service.database import Base, open_database
from service.settings import Settings

MOST = 100_000  # a page that all may use must not fill a disk
SWEEP_SECONDS = 3600.0


class Feedback(Base):
    """One message. `text` is redacted; `wrong` and `missing` name outputs; `bundle` answered when it came; `created` in UTC."""

    __tablename__ = "feedback"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created: Mapped[datetime] = mapped_column(index=True, default=now)
    text: Mapped[str] = mapped_column(Text)
    wrong: Mapped[list[str]] = mapped_column(JSON)
    missing: Mapped[list[str]] = mapped_column(JSON)
    bundle: Mapped[dict[str, str]] = mapped_column(JSON)

    def record(self) -> dict[str, Any]:
        """As `snaar feedback` writes it."""
        created = f"{self.created.isoformat(timespec='seconds')}Z"
        kept = {"text": self.text, "wrong": self.wrong, "missing": self.missing, "bundle": self.bundle}
        return {"id": self.id, "created": created, **kept}


@dataclass(frozen=True)
class FeedbackStore:
    """Safe to share between threads and processes. `keep`: the age limit; what is older is never given out."""

    engine: Engine
    keep: timedelta

    @classmethod
    def open(cls, settings: Settings) -> "FeedbackStore":
        """Raises DataFolderError or StoreError."""
        return cls(open_database(settings), timedelta(days=settings.feedback_days))

    def add(self, feedback: Feedback) -> bool:
        """Keep a message; False where there is no room for more."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            if (session.scalar(select(func.count()).select_from(Feedback)) or 0) >= MOST:
                return False
            session.add(feedback)
        return True

    def all(self) -> Iterator[Feedback]:
        """Every message, oldest first."""
        with Session(self.engine) as session:
            yield from session.scalars(select(Feedback).where(Feedback.created >= now() - self.keep).order_by(Feedback.created))

    def remove(self, feedback_id: str) -> bool:
        """Forget a message; False where there is none."""
        with Session(self.engine) as session, session.begin():
            gone: Any = session.execute(delete(Feedback).where(Feedback.id == feedback_id))
            return bool(gone.rowcount)

    def sweep(self) -> None:
        """Remove what is past the age limit."""
        with Session(self.engine) as session, session.begin():
            session.execute(delete(Feedback).where(Feedback.created < now() - self.keep))


@asynccontextmanager
async def kept_feedback(settings: Settings) -> AsyncIterator[FeedbackStore]:
    """The store while the service runs, swept at the start and every hour."""
    store = FeedbackStore.open(settings)
    sweeping = asyncio.create_task(_sweep(store))
    try:
        yield store
    finally:
        sweeping.cancel()
        store.engine.dispose()


async def _sweep(store: FeedbackStore) -> None:
    while True:
        with suppress(SQLAlchemyError):  # a database that is away for a while; old messages are not given out meanwhile
            await run_in_threadpool(store.sweep)
        await asyncio.sleep(SWEEP_SECONDS)
