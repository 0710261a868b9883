"""Jobs while the service runs: table, files and worker."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from model.errors import ModelError
from model.predictor import Predictor
from model.score import Result
from service.jobs.files import JobFiles
from service.jobs.store import JobStore
from service.jobs.worker import BulkRead, JobWorker
from service.settings import Settings


class DataFolderError(ModelError):
    """The data folder cannot be written."""


@dataclass(frozen=True)
class Jobs:
    """What the routes need."""

    store: JobStore
    files: JobFiles
    worker: JobWorker


@contextmanager
def running_jobs(
    settings: Settings, predictor: Callable[[], Predictor], read: BulkRead, seen: Callable[[list[Result]], None]
) -> Iterator[Jobs | None]:
    """Open the table and start the worker; None where jobs are off. Raises DataFolderError or StoreError."""
    if not settings.jobs:
        yield None
        return
    files = JobFiles(settings.data / "jobs")
    try:
        files.root.mkdir(parents=True, exist_ok=True)
        with (settings.data / "migrate.lock").open("w") as lock:  # of processes that start together, one migrates at a time
            fcntl.flock(lock, fcntl.LOCK_EX)
            store = JobStore.open(settings.database_url or f"sqlite:///{settings.data / 'jobs.sqlite'}")
    except OSError as error:
        told = f"cannot be written ({error.strerror}); set SNAAR_DATA to one that can, or SNAAR_JOBS=false"
        raise DataFolderError(f"the data folder {settings.data} {told}") from error
    worker = JobWorker(
        store, files, settings.data / "worker.lock", predictor, read, seen, keep=timedelta(days=settings.job_days),
        max_rows=settings.max_job_rows, max_characters=settings.max_characters,
    )  # fmt: skip
    worker.start()
    try:
        yield Jobs(store, files, worker)
    finally:
        worker.stop()
        store.close()
