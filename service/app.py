"""The HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from model.predictor import Predictor
from model.redact import Redactor
from service import errors
from service.limit import BodyLimit
from service.routes import about, classify, labelstudio, page
from service.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; the bundle is loaded and verified when it starts."""
    chosen = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        predictor = Predictor.load(chosen.bundle, threads=chosen.threads)
        predictor.bundle.verify()
        app.state.predictor = predictor
        app.state.redactor = Redactor.on(predictor.splitter)
        yield

    app = FastAPI(
        title="Snaar",
        version=version("snaar"),
        description="Wat beweegt Nederlandstalige klanten? Reviews erin; lagen, drijfveren en de zinnen die het bewijzen eruit.",
        lifespan=lifespan,
    )
    app.state.settings = chosen
    app.add_middleware(BodyLimit, max_bytes=chosen.max_body_bytes)
    errors.install(app)
    app.include_router(classify.router)
    app.include_router(about.router)
    app.include_router(labelstudio.router)
    app.include_router(page.router)
    return app
