"""`/v1/jobs`: send a file, ask how it goes, fetch result and report. docs/jobs.md tells the whole story."""

import uuid
from datetime import UTC, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from service.database import now
from service.dependencies import SettingsHere
from service.errors import RequestError
from service.jobs.running import Jobs
from service.jobs.store import UNFINISHED, Job
from service.jobs.upload import check, clean_name, kind_of, receive
from service.schemas import ErrorOut, JobOptions, JobOut, ModelOut

router = APIRouter()
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-downloads"


def _jobs(request: Request) -> Jobs:
    found: Jobs | None = request.app.state.jobs
    if found is None:
        raise RequestError(503, "jobs_off", "this service takes no jobs; whoever runs it can set SNAAR_JOBS=true")
    return found


JobsHere = Annotated[Jobs, Depends(_jobs)]


def _job(job_id: str, jobs: JobsHere, settings: SettingsHere) -> Job:
    found = jobs.store.get(job_id) if job_id.isalnum() else None
    if found is None:
        raise RequestError(404, "no_such_job", f"no such job; a job is forgotten {settings.job_days:g} days after it finished")
    return found


JobHere = Annotated[Job, Depends(_job)]
ANSWERS: dict[int | str, dict[str, Any]] = {404: {"model": ErrorOut}, 503: {"model": ErrorOut}}
UNFINISHED_TOO: dict[int | str, dict[str, Any]] = {**ANSWERS, 409: {"model": ErrorOut}}


@router.post(
    "/v1/jobs",
    status_code=202,
    response_model=JobOut,
    summary="Score a file of reviews: the body is the file itself",
    responses={status: {"model": ErrorOut} for status in (408, 413, 422, 429, 503)},
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"format": "binary"}}}}},
)
async def post_job(
    request: Request, options: Annotated[JobOptions, Query()], jobs: JobsHere, settings: SettingsHere
) -> JSONResponse:
    name = clean_name(options.name)
    kind = kind_of(name)
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > settings.max_job_bytes:
        raise RequestError(413, "too_large", f"the file is larger than {settings.max_job_bytes} bytes; send it in parts")
    if await run_in_threadpool(jobs.store.waiting) >= settings.max_jobs_waiting:
        raise RequestError(429, "too_many_jobs", f"{settings.max_jobs_waiting} jobs are waiting; try again later")
    job_id = uuid.uuid4().hex
    path = jobs.files.input(job_id, kind)
    path.parent.mkdir()
    try:
        await receive(request.stream(), path, max_bytes=settings.max_job_bytes)
        await run_in_threadpool(
            check, path, text_columns=options.text_column, by=options.by, max_bytes=settings.max_job_bytes
        )  # fmt: skip
        job = Job(
            id=job_id, name=name, kind=kind, format=options.format, text_columns=options.text_column, by=options.by,
            scores=options.scores, redact=options.redact, excel_nl=options.excel_nl,
        )  # fmt: skip
        await run_in_threadpool(jobs.store.add, job)
    except BaseException as error:
        await run_in_threadpool(jobs.files.remove, job_id)
        if isinstance(error, ClientDisconnect):
            raise RequestError(400, "disconnected", "the client went away before the file was in") from error
        raise
    jobs.worker.wake.set()
    return JSONResponse(_told(job, settings), status_code=202, headers={"location": f"/v1/jobs/{job_id}"})


@router.get("/v1/jobs/{job_id}", response_model=JobOut, responses=ANSWERS, summary="How a job is going")
def get_job(job: JobHere, settings: SettingsHere) -> JSONResponse:
    return JSONResponse(_told(job, settings))


@router.post(
    "/v1/jobs/{job_id}/cancel", response_model=JobOut, responses=UNFINISHED_TOO, summary="Cancel a job that is not finished"
)
def cancel_job(job: JobHere, jobs: JobsHere, settings: SettingsHere) -> JSONResponse:
    if not jobs.store.change(job.id, UNFINISHED, state="cancelled", finished=now()):
        raise RequestError(409, "job_finished", "the job is finished; delete it if its files must go")
    if job.state == "queued":
        jobs.files.remove(job.id)
    return JSONResponse(_told(jobs.store.get(job.id) or job, settings))


@router.delete("/v1/jobs/{job_id}", status_code=204, responses=UNFINISHED_TOO, summary="Remove a finished job and its files")
def delete_job(job: JobHere, jobs: JobsHere) -> Response:
    if not jobs.store.remove(job.id):
        raise RequestError(409, "job_unfinished", "the job is not finished; cancel it first")
    jobs.files.remove(job.id)
    return Response(status_code=204)


@router.get("/v1/jobs/{job_id}/result", response_class=FileResponse, responses=UNFINISHED_TOO, summary="The scored file")
def get_result(job: JobHere, jobs: JobsHere) -> FileResponse:
    _must_be_done(job)
    return _download(jobs.files.result(job.id, job.format), f"{_stem(job)}-snaar.{job.format}", "attachment")


@router.get("/v1/jobs/{job_id}/report", response_class=FileResponse, responses=UNFINISHED_TOO, summary="The report, in Dutch")
def get_report(job: JobHere, jobs: JobsHere, format: Literal["html", "xlsx", "json"] = "html") -> FileResponse:
    _must_be_done(job)
    if not job.report:
        raise RequestError(404, "no_report", "not one review could be read, so there is nothing to report; see the result")
    way = "inline" if format == "html" else "attachment"
    return _download(jobs.files.report(job.id, format), f"{_stem(job)}-rapport.{format}", way)


def _must_be_done(job: Job) -> None:
    if job.state in UNFINISHED:
        raise RequestError(409, "job_unfinished", f"the job is {job.state}; ask again later")
    if job.state != "done":
        raise RequestError(409, f"job_{job.state}", job.error or "the job was cancelled; send the file again")


def _stem(job: Job) -> str:
    return job.name[: len(job.name) - len(job.kind)] or "reviews"


def _download(path: Path, name: str, way: str) -> FileResponse:
    headers = {"content-security-policy": PAGE_POLICY, "x-content-type-options": "nosniff", "cache-control": "no-store"}
    return FileResponse(path, filename=name, content_disposition_type=way, headers=headers)


def _told(job: Job, settings: SettingsHere) -> dict[str, Any]:
    bundle = dict(job.bundle or {})
    version = bundle.pop("taxonomy_version", None)
    finished = job.finished and job.finished.replace(tzinfo=UTC)
    told = JobOut(
        id=job.id, state=job.state, name=job.name, rows_done=job.rows_done, rows=job.rows, row_errors=job.row_errors,
        report=job.report, model=ModelOut(**bundle) if bundle else None, taxonomy_version=version,
        created=job.created.replace(tzinfo=UTC), finished=finished,
        removed_at=finished and finished + timedelta(days=settings.job_days), error_type=job.error_type, error=job.error,
    )  # fmt: skip
    return told.model_dump(mode="json")
