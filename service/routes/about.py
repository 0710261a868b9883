"""What the service knows and how it fares: taxonomy, info, health."""

import platform
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from service.dependencies import PredictorHere, SettingsHere
from service.errors import RequestError
from service.routes.classify import model_of
from service.schemas import ErrorOut

router = APIRouter()


@router.get("/v1/taxonomy", summary="The labels: names, definitions and examples, Dutch and English")
async def get_taxonomy(predictor: PredictorHere) -> dict[str, Any]:
    return predictor.taxonomy.to_dict()


@router.get("/v1/info", summary="Bundle, limits and versions")
async def get_info(predictor: PredictorHere, settings: SettingsHere) -> dict[str, Any]:
    manifest = predictor.bundle.manifest
    return {
        "model": model_of(predictor),
        "taxonomy_version": predictor.taxonomy.version,
        "created": manifest.created,
        "outputs": list(predictor.taxonomy.output_names),
        "window_tokens": manifest.window,
        "limits": {name: getattr(settings, name) for name in ("max_reviews", "max_characters", "max_body_bytes")},
        "versions": {"snaar": version("snaar"), "onnxruntime": version("onnxruntime"), "python": platform.python_version()},
    }


@router.get("/health/live", summary="Is the process up?")
async def live() -> dict[str, str]:
    return {"status": "live"}


@router.get("/health/ready", summary="Does the model answer its canary texts?", responses={503: {"model": ErrorOut}})
async def ready(predictor: PredictorHere) -> dict[str, str]:
    failed = await run_in_threadpool(predictor.failed_canaries)
    if failed:
        raise RequestError(503, "not_ready", "; ".join(failed))
    return {"status": "ready"}
