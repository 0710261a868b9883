"""Jobs while the service runs: table, files and worker.

They are opened at the start where there are jobs from before, or a database that others may put jobs into; else when first asked
for, because what they load takes half a second and 70 MB that a service without files never needs.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from model.predictor import Predictor
from model.score import Result
from service.data import make_folder, table
from service.jobs.files import JobFiles
from service.settings import Settings

if TYPE_CHECKING:
    from service.jobs.store import JobStore
    from service.jobs.worker import BulkRead, JobWorker


@dataclass(frozen=True)
class Jobs:
    """What the routes need."""

    store: "JobStore"
    files: JobFiles
    worker: "JobWorker"


@contextmanager
def running_jobs(
    settings: Settings, predictor: Callable[[], Predictor], read: "BulkRead", seen: Callable[[list[Result]], None]
) -> Iterator[Callable[[], Jobs] | None]:
    """Gives what opens the jobs, the first time it is called; None where jobs are off. Raises DataFolderError or StoreError."""
    if not settings.jobs:
        yield None
        return
    files = JobFiles(settings.data / "jobs")
    make_folder(settings.data)
    files.root.mkdir(exist_ok=True)
    with ExitStack() as at_the_end:
        once, lock = cache(lambda: _open(settings, files, predictor, read, seen, at_the_end)), Lock()

        def jobs() -> Jobs:
            with lock:
                return once()

        if settings.database_url or table(settings).exists():
            jobs()
        yield jobs


def _open(
    settings: Settings,
    files: JobFiles,
    predictor: Callable[[], Predictor],
    read: "BulkRead",
    seen: Callable[[list[Result]], None],
    at_the_end: ExitStack,
) -> Jobs:
    from service.database import open_database
    from service.jobs.store import JobStore
    from service.jobs.worker import JobWorker

    store = JobStore(open_database(settings))
    worker = JobWorker(
        store, files, settings.data / "worker.lock", predictor, read, seen, keep=timedelta(days=settings.job_days),
        max_rows=settings.max_job_rows, max_characters=settings.max_characters,
    )  # fmt: skip
    worker.start()
    at_the_end.callback(store.close)
    at_the_end.callback(worker.stop)
    return Jobs(store, files, worker)
