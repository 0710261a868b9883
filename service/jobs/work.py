"""One job, from its upload to its result and report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.predictor import Predictor
from service.batch.columns import Roles
from service.batch.score import Summary, Task, score_dump
from service.batch.table import Table, TableError
from service.batch.write import Style
from service.classify import Read
from service.jobs.files import JobFiles
from service.jobs.store import Job


@dataclass(frozen=True)
class Done:
    """What came of a job that was done."""

    summary: Summary
    report: bool


class TooManyRows(TableError):
    """A file of more rows than the service takes."""


def bundle_of(predictor: Predictor) -> dict[str, str]:
    """Which bundle scores, as it is kept with the job."""
    return {**predictor.bundle.identity, "taxonomy_version": predictor.taxonomy.version}


def do_job(
    job: Job, files: JobFiles, predictor: Predictor, read: Read, *, max_rows: int, max_characters: int,
    progress: Callable[[int, int], None],
) -> Done:  # fmt: skip
    """Score, then report; goes on from the journal where there is one. `progress` may raise to stop. Raises TableError."""
    result = files.result(job.id, job.format)
    if job.bundle not in (None, bundle_of(predictor)):  # begun by another model: one result, one model
        for left in result.parent.glob(f"{result.name}.journal*"):
            left.unlink()

    def bounded(done: int, total: int) -> None:
        if total > max_rows:
            raise TooManyRows(f"the file has {total} rows, over the limit of {max_rows}; send it in parts")
        progress(done, total)

    table = Table.open(files.input(job.id, job.kind))
    task = Task(
        tables=[table], roles=Roles.find(table, job.text_columns), output=result, scores=job.scores, redact=job.redact,
        style=Style(delimiter=table.delimiter, excel_nl=job.excel_nl), max_characters=max_characters,
    )  # fmt: skip
    summary = score_dump(task, predictor, read, bounded)
    return Done(summary, _report(job, files, result, predictor))


def _report(job: Job, files: JobFiles, result: Path, predictor: Predictor) -> bool:
    # here, for it loads what draws charts: a second that the start of a service need not wait for
    from service.report.write import NothingToReport, write_report

    page, xlsx, json_output = (files.report(job.id, form) for form in ("html", "xlsx", "json"))
    try:
        write_report(
            result, page, predictor.bundle, by=job.by, source=job.name, redact=True, xlsx=xlsx, json_output=json_output
        )  # fmt: skip
    except NothingToReport:
        return False
    return True
