"""`GET /`: a page in Dutch for people. It calls `/v1/classify` of this service and nothing else."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

PAGE = Path(__file__).parents[1] / "page.html"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; form-action 'none'"

router = APIRouter()


@router.get("/", include_in_schema=False)
async def get_page() -> FileResponse:
    return FileResponse(PAGE, headers={"content-security-policy": POLICY, "x-content-type-options": "nosniff"})
