"""Jobs while the service runs: table, files and worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from model.predictor import Predictor
from service.database import open_database
from service.jobs.files import JobFiles
from service.jobs.store import JobStore
from service.jobs.worker import JobWorker
from service.settings import Settings


@dataclass(frozen=True)
class Jobs:
    """What the routes need."""

    store: JobStore
    files: JobFiles
    worker: JobWorker


@contextmanager
def running_jobs(settings: Settings, predictor: Callable[[], Predictor]) -> Iterator[Jobs | None]:
    """Open the table and start the worker; None where jobs are off. Raises DataFolderError or StoreError."""
    if not settings.jobs:
        yield None
        return
    files = JobFiles(settings.data / "jobs")
    store = JobStore(open_database(settings))
    files.root.mkdir(exist_ok=True)
    worker = JobWorker(
        store, files, settings.data / "worker.lock", predictor, keep=timedelta(days=settings.job_days),
        max_rows=settings.max_job_rows, max_characters=settings.max_characters,
    )  # fmt: skip
    worker.start()
    try:
        yield Jobs(store, files, worker)
    finally:
        worker.stop()
        store.close()
