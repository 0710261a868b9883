"""The HTTP application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from model.processors import processors
from service import errors
from service.access import Access
from service.batcher import Batcher
from service.errors import ReloadError
from service.health import Health
from service.jobs.running import running_jobs
from service.keys import Keyring
from service.lateness import watch_lateness
from service.limit import BodyLimit
from service.memory import settle, unsettle
from service.metrics import Metrics
from service.models import Model, Models
from service.observe import Observe
from service.priority import answer_first
from service.room import Room
from service.routes import about, admin, alias, classify, docs, feedback, jobs, labelstudio, page, stream
from service.settings import Settings
from service.stop import on_signals
from service.traces import Traces
from service.turns import Turns

if TYPE_CHECKING:
    from service.feedback import FeedbackStore

ONE_MORE = 1  # thread than processors: while one waits to run Python the others read (benchmarks/RESULTS.md)
STREAMED = frozenset({"/v1/jobs", stream.ADDRESS})


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; the bundle is loaded and verified when it starts."""
    chosen = settings or Settings()
    metrics = Metrics()
    traces = Traces.open() if chosen.traces else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        answer_first()
        state = app.state
        state.models = Models(Model.load(chosen.bundle), metrics=metrics)
        state.shadow = None
        state.reloading = None
        state.batcher = Batcher(
            max_tokens=chosen.queue_tokens, threads=chosen.threads or processors() + ONE_MORE, seen=metrics.batch
        )
        state.health = Health(state.models, state.batcher, every=chosen.canary_seconds)
        await state.health.check()
        watching = [asyncio.create_task(task) for task in (state.health.watch(), watch_lateness(metrics.late.observe))]
        on_signals(drain=state.health.drain, seconds=chosen.drain_seconds, reload=partial(_reload, app, chosen.bundle))
        with running_jobs(chosen, lambda: state.models.current.predictor, state.batcher.read_bulk, metrics.results) as state.jobs:
            async with _feedback(chosen) as state.feedback:
                settle()
                yield
        for task in watching:
            task.cancel()
        state.batcher.close()
        unsettle()
        if traces:
            await asyncio.to_thread(traces.close)

    app = FastAPI(
        title="Snaar",
        version=version("snaar"),
        description="Wat beweegt Nederlandstalige klanten? Reviews erin; lagen, drijfveren en de zinnen die het bewijzen eruit.",
        lifespan=lifespan,
        responses=errors.DECLARED,
        docs_url=None,
        openapi_url="/openapi.json" if chosen.docs else None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},  # it tells addresses and messages
    )
    app.state.settings = chosen
    app.state.metrics = metrics
    app.state.turns = Turns()
    _surround(app, chosen, metrics, traces)
    errors.install(app)
    app.include_router(classify.router)
    app.include_router(about.router)
    app.include_router(admin.router)
    app.include_router(alias.router)
    app.include_router(stream.router)
    app.include_router(jobs.router)
    app.include_router(feedback.router)
    app.include_router(labelstudio.router)
    app.include_router(page.router)
    if chosen.docs:
        docs.install(app)
    return app


@asynccontextmanager
async def _feedback(settings: Settings) -> "AsyncIterator[FeedbackStore | None]":
    """What keeps feedback while the service runs; None where it is off."""
    if not settings.feedback:
        yield None
        return
    from service.feedback import kept_feedback

    async with kept_feedback(settings) as store:
        yield store


def _reload(app: FastAPI, folder: Path) -> None:
    """Begin to load the bundle anew; what comes of it is in the log and the metrics."""

    async def reload() -> None:
        with suppress(ReloadError):
            await app.state.models.reload(folder)

    app.state.reloading = asyncio.create_task(reload())  # kept, for a task nobody holds may be lost


def _surround(app: FastAPI, settings: Settings, metrics: Metrics, traces: Traces | None) -> None:
    """Middleware; the last one added is the first to see a request."""
    app.add_middleware(
        BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.body_seconds, turns=app.state.turns, streamed=STREAMED
    )
    app.add_middleware(Room, batcher=lambda: app.state.batcher)
    app.add_middleware(Access, keyring=Keyring(file=settings.keys_file, given=settings.keys))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins.split(),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-api-key", "x-request-id"],
            expose_headers=["retry-after", "x-request-id", "x-error-type"],
        )
    app.add_middleware(Observe, metrics=metrics, traces=traces, draining=lambda: app.state.health.draining)
