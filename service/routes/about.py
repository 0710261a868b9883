"""What the service knows and how it fares: taxonomy, info, health."""

import platform
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool

from service.dependencies import HealthHere, PredictorHere, SettingsHere
from service.errors import RequestError

router = APIRouter()


@router.get("/v1/taxonomy", summary="The labels: names, definitions and examples, Dutch and English")
async def get_taxonomy(predictor: PredictorHere) -> dict[str, Any]:
    return predictor.taxonomy.to_dict()


@router.get("/v1/info", summary="Bundle, limits and versions")
async def get_info(predictor: PredictorHere, settings: SettingsHere) -> dict[str, Any]:
    manifest = predictor.bundle.manifest
    return {
        "model": predictor.bundle.identity,
        "taxonomy_version": predictor.taxonomy.version,
        "created": manifest.created,
        "outputs": list(predictor.taxonomy.output_names),
        "window_tokens": manifest.window,
        "limits": {name: getattr(settings, name) for name in ("max_reviews", "max_characters", "max_body_bytes")},
        "feedback_days": settings.feedback_days if settings.feedback else None,
        "versions": {"snaar": version("snaar"), "onnxruntime": version("onnxruntime"), "python": platform.python_version()},
    }


@router.get("/health/live", summary="Is the process up?")
async def live() -> dict[str, str]:
    return {"status": "live"}


@router.get("/health/ready", summary="Did the model read its canary texts well, and does it take requests?")
async def ready(health: HealthHere) -> dict[str, str]:
    problem = health.problem
    if problem is not None:
        raise RequestError(503, *problem)
    return {"status": "ready"}


@router.get("/metrics", summary="Counts and times for Prometheus; never text", response_class=Response)
async def metrics(request: Request, health: HealthHere) -> Response:
    state = request.app.state
    page = await run_in_threadpool(state.metrics.page, state.batcher, ready=health.problem is None)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
