"""The HTTP application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from service import errors
from service.batcher import Batcher
from service.health import Health
from service.limit import BodyLimit
from service.models import Model, Models
from service.routes import about, classify, page
from service.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; the bundle is loaded and verified when it starts."""
    chosen = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.models = Models(Model.load(chosen.bundle, threads=chosen.threads))
        app.state.batcher = Batcher(max_tokens=chosen.queue_tokens)
        app.state.health = Health(app.state.models, app.state.batcher, every=chosen.canary_seconds)
        await app.state.health.check()
        watching = asyncio.create_task(app.state.health.watch())
        yield
        watching.cancel()
        app.state.batcher.close()

    app = FastAPI(
        title="Snaar",
        version=version("snaar"),
        description="Wat beweegt Nederlandstalige klanten? Reviews erin; lagen, drijfveren en de zinnen die het bewijzen eruit.",
        lifespan=lifespan,
        responses=errors.DECLARED,
    )
    app.state.settings = chosen
    app.add_middleware(BodyLimit, max_bytes=chosen.max_body_bytes, seconds=chosen.body_seconds)
    errors.install(app)
    app.include_router(classify.router)
    app.include_router(about.router)
    app.include_router(page.router)
    return app
