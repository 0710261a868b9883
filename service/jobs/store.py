"""The table of jobs.

Every change of state is one UPDATE that names the state it expects, so that a cancel and the worker cannot overrule each
other: whoever comes second finds no row.
"""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, Engine, String, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.data import now
from service.database import Base

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
UNFINISHED = ("queued", "running")
MOST_STARTS = 3  # a job that was running in so many crashes is not started again


class Job(Base):
    """One upload and what became of it. Moments are UTC. `rows` counts after the look at the input; `row_errors` by error."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    state: Mapped[JobState] = mapped_column(String(10), index=True, default="queued")
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    format: Mapped[str] = mapped_column(String(10))
    text_columns: Mapped[list[str]] = mapped_column(JSON)
    by: Mapped[str | None] = mapped_column(Text)
    scores: Mapped[bool]
    redact: Mapped[bool]
    excel_nl: Mapped[bool]
    starts: Mapped[int] = mapped_column(default=0)
    rows_done: Mapped[int] = mapped_column(default=0)
    rows: Mapped[int | None]
    row_errors: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    report: Mapped[bool] = mapped_column(default=False)
    bundle: Mapped[dict[str, str] | None] = mapped_column(JSON)
    error_type: Mapped[str | None] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(default=lambda: now())
    finished: Mapped[datetime | None]

    @property
    def unfinished(self) -> bool:
        return self.state in UNFINISHED


class JobStore:
    """Safe to share between threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        self.engine.dispose()

    def add(self, job: Job) -> Job:
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.add(job)
        return job

    def get(self, job_id: str) -> Job | None:
        with Session(self.engine) as session:
            return session.get(Job, job_id)

    def waiting(self) -> int:
        """How many jobs are queued."""
        with Session(self.engine) as session:
            return session.scalar(select(func.count()).where(Job.state == "queued")) or 0

    def start_next(self) -> Job | None:
        """The job that waits longest, now running; None where none waits."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            job = session.scalar(select(Job).where(Job.state == "queued").order_by(Job.created).limit(1))
            if job is None or not _change(session, job.id, ("queued",), state="running", starts=job.starts + 1, rows_done=0):
                return None
            session.refresh(job)
            return job

    def change(self, job_id: str, expected: tuple[str, ...], **values: Any) -> bool:
        """Set columns of a job that is in an `expected` state; False where it is not."""
        with Session(self.engine) as session, session.begin():
            return _change(session, job_id, expected, **values)

    def cancel(self, job_id: str) -> bool:
        """False where the job is finished."""
        return self.change(job_id, UNFINISHED, state="cancelled", finished=now())

    def recover(self) -> None:
        """Jobs that were running when the last worker died wait again, or fail where they were there in every crash."""
        told = "the service stopped several times while it did this job; make the file smaller, or ask who runs the service"
        with Session(self.engine) as session, session.begin():
            dead = update(Job).where(Job.state == "running", Job.starts >= MOST_STARTS)
            session.execute(dead.values(state="failed", error_type="interrupted", error=told, finished=now()))
            session.execute(update(Job).where(Job.state == "running").values(state="queued"))

    def finished_before(self, moment: datetime) -> list[str]:
        with Session(self.engine) as session:
            return list(session.scalars(select(Job.id).where(Job.finished < moment)))

    def known(self, job_ids: list[str]) -> set[str]:
        with Session(self.engine) as session:
            return set(session.scalars(select(Job.id).where(Job.id.in_(job_ids))))

    def remove(self, job_id: str) -> bool:
        """Forget a finished job; False where it is not finished."""
        with Session(self.engine) as session, session.begin():
            gone: Any = session.execute(delete(Job).where(Job.id == job_id, Job.state.not_in(UNFINISHED)))
            return bool(gone.rowcount)


def _change(session: Session, job_id: str, expected: tuple[str, ...], **values: Any) -> bool:
    done: Any = session.execute(update(Job).where(Job.id == job_id, Job.state.in_(expected)).values(**values))
    return bool(done.rowcount)
