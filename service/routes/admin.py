"""`/v1/admin`: another bundle without downtime, the way back, and a second one in the shadow."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from service.dependencies import ModelsHere, SettingsHere
from service.errors import ReloadError, RequestError
from service.models import Model
from service.schemas import ErrorOut, ModelOut
from service.settings import Settings
from service.shadow import Shadow

BundleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]


class ReloadRequest(BaseModel):
    """`bundle` is the name of a folder beside the bundle that was served at the start; without it that one is read again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    bundle: BundleName | None = None


class ShadowRequest(BaseModel):
    """Which bundle reads along, and for what share of the requests; without a bundle none does."""

    model_config = ConfigDict(extra="forbid", strict=True)

    bundle: BundleName | None = None
    share: Annotated[float, Field(gt=0, le=1)] = 0.1


class ShadowOut(BaseModel):
    """What the shadow did so far: of `reviews` it read, `disagreements` got other labels."""

    model: ModelOut
    share: float
    reviews: int
    disagreements: int


class ModelsOut(BaseModel):
    """The bundles in memory."""

    current: ModelOut
    previous: ModelOut | None
    shadow: ShadowOut | None


async def one_worker(settings: SettingsHere) -> None:
    """A request reaches one worker of several: they can only be changed all together, from outside."""
    if settings.workers > 1:
        message = "several workers: replace the bundle's folder and send SIGHUP to the main process, which renews them one by one"
        raise RequestError(409, "several_workers", message)


router = APIRouter(
    prefix="/v1/admin",
    dependencies=[Depends(one_worker)],
    responses={409: {"model": ErrorOut, "description": "not possible now"}},
)


@router.get("/models", summary="The bundles in memory", response_model=ModelsOut)
async def get_models(request: Request) -> dict[str, Any]:
    return _models(request)


@router.post("/reload", summary="Load a bundle, check it, and let it take over", response_model=ModelsOut)
async def post_reload(body: ReloadRequest, request: Request, models: ModelsHere, settings: SettingsHere) -> dict[str, Any]:
    if models.changing.locked():
        raise RequestError(409, "reload_running", "another bundle is being loaded; wait for it", retry_after=5)
    await models.reload(_folder(settings, body.bundle))
    return _models(request)


@router.post("/rollback", summary="Go back to the bundle before", response_model=ModelsOut)
async def post_rollback(request: Request, models: ModelsHere) -> dict[str, Any]:
    await models.rollback()
    return _models(request)


@router.put("/shadow", summary="Let a second bundle read a share of the traffic, or end that", response_model=ModelsOut)
async def put_shadow(body: ShadowRequest, request: Request, models: ModelsHere, settings: SettingsHere) -> dict[str, Any]:
    named = body.bundle
    request.app.state.shadow = Shadow(await models.load(_folder(settings, named)), body.share) if named else None
    return _models(request)


def _folder(settings: Settings, name: str | None) -> Path:
    """The folder a name stands for: only folders beside the bundle at the start can be named from outside."""
    if name is None:
        return settings.bundle
    folder = settings.bundle.absolute().parent / name
    if not folder.is_dir():
        raise ReloadError(f"there is no folder {name} beside the bundle the service was started with")
    return folder


def _models(request: Request) -> dict[str, Any]:
    models, shadow = request.app.state.models, request.app.state.shadow
    return {
        "current": _shown(models.current),
        "previous": _shown(models.previous) if models.previous else None,
        "shadow": {
            "model": _shown(shadow.model),
            "share": shadow.share,
            "reviews": shadow.reviews,
            "disagreements": shadow.disagreements,
        }
        if shadow
        else None,
    }


def _shown(model: Model) -> dict[str, str]:
    return model.predictor.bundle.identity
