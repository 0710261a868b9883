"""`GET /`: a page in Dutch for people, and the model's card it shows. It calls this service and nothing else."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse

from model.bundle import CARD
from service.dependencies import PredictorHere
from service.errors import RequestError
from service.schemas import ErrorOut

PAGE = Path(__file__).parents[1] / "page.html"

router = APIRouter()


class Markdown(PlainTextResponse):
    """Text with the type that says so."""

    media_type = "text/markdown"


@router.get("/", include_in_schema=False)
async def get_page() -> HTMLResponse:
    text, policy = _page()
    return HTMLResponse(text, headers={"content-security-policy": policy, "x-content-type-options": "nosniff"})


@router.get(
    "/v1/card",
    response_class=Markdown,
    responses={404: {"model": ErrorOut}},
    summary="The model's card: figures, origin, limits (Markdown)",
)
def get_card(predictor: PredictorHere) -> Markdown:
    path = predictor.bundle.path(CARD)
    if not path.is_file():
        raise RequestError(404, "no_card", "this bundle has no card")
    return Markdown(path.read_text(encoding="utf-8"))


@cache
def _page() -> tuple[str, str]:
    """The page and its policy: the style and the script that are in it and no other, calls to this service alone."""
    text = PAGE.read_text(encoding="utf-8")
    style, script = (_hash(text, tag) for tag in ("style", "script"))
    return text, (
        f"default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; img-src data:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


def _hash(text: str, tag: str) -> str:
    [inner] = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
    return f"'sha256-{base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()}'"
