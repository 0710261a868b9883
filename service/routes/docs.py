"""`GET /docs`: the interactive documentation, with everything it needs from this service alone."""

from functools import cache
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(fastapi_offline.__file__).parent / "static"
POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"


def install(app: FastAPI) -> None:
    """Add the page and the files it loads."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Snaar",
            swagger_js_url="/docs/static/swagger-ui-bundle.js",
            swagger_css_url="/docs/static/swagger-ui.css",
            swagger_favicon_url="/docs/static/favicon.png",
        )
        page.headers["content-security-policy"] = POLICY
        return page

    app.openapi = cache(lambda: describe(app))  # type: ignore[method-assign]
    app.mount("/docs/static", StaticFiles(directory=STATIC))


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the limits of this service and the lenses of its bundle."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    shapes = document["components"]["schemas"]
    counts = {"minItems": 1, "maxItems": app.state.settings.max_reviews}
    shapes["ClassifyRequest"]["properties"]["reviews"].update(counts)
    shapes["InfinityRequest"]["properties"]["input"].update(counts)
    lenses = [lens.id for lens in app.state.models.current.predictor.taxonomy.lenses]
    shapes["Options"]["properties"]["lenses"]["anyOf"][0]["items"]["enum"] = lenses
    return document
