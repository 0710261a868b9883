"""The shapes of requests and answers, as the OpenAPI page shows them."""

from datetime import datetime
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MOST_REVIEWS = 10_000  # more are refused while they are read, whatever the service's own limit
Names = Annotated[list[str], Field(max_length=100, fail_fast=True)]
Item = TypeVar("Item")
Many = Annotated[
    list[Item], Field(max_length=MOST_REVIEWS, fail_fast=True)
]  # a mistake in one is told; the rest is not looked at


class ReviewIn(BaseModel):
    """One review. The `id` is yours and comes back with the result."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(max_length=200)] | None = None
    text: str


class Options(BaseModel):
    """`scores` adds the scores of all outputs; `lenses` keeps the labels of these lenses alone; `redact` adds the text with
    personal data replaced by tags."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scores: bool = False
    lenses: Names | None = None
    redact: bool = False


class ClassifyRequest(BaseModel):
    """Up to 256 reviews of up to 20,000 characters each."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "reviews": [
                        {"id": "a1", "text": "Al drie weken wacht ik op mijn bestelling en de klantenservice neemt niet op."},
                        {"id": "a2", "text": "Binnen een dag in huis en er zat zelfs een handgeschreven kaartje bij!"},
                    ],
                    "options": {"scores": False, "lenses": ["tier", "motivator", "sentiment"]},
                }
            ]
        },
    )

    reviews: Many[ReviewIn]
    options: Options = Options()


class SpanOut(BaseModel):
    """Characters `start` up to, not including, `end` of the text as it was sent."""

    start: int
    end: int


class LabelOut(BaseModel):
    """A label above its threshold, with the sentences that prove it."""

    lens: str
    id: str
    sign: Literal["+", "-", ""]
    score: float
    threshold: float
    evidence: list[SpanOut]


class ResultOut(BaseModel):
    """One review, read; or, with status `error`, why it could not be."""

    id: str | None
    status: Literal["ok", "error"]
    primary_tier: str | None
    labels: list[LabelOut]
    scores: dict[str, float] | None = None
    sentences: list[SpanOut]
    tokens: int
    windows: int
    warnings: list[str]
    redacted_text: str | None = None
    error_type: str | None = None
    error: str | None = None


class ModelOut(BaseModel):
    """Which bundle answered."""

    name: str
    version: str
    sha256: str


class ClassifyResponse(BaseModel):
    """One result a review, in order."""

    model: ModelOut
    taxonomy_version: str
    results: list[ResultOut]


class ErrorOut(BaseModel):
    """What is wrong and what to do; `error_type` is stable."""

    error: str
    error_type: str


class JobOptions(BaseModel):
    """How to score a file. `name` ends in what the file is; `by` is the column whose groups the report compares."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=1000, examples=["reviews.csv"])]
    text_column: Annotated[list[str], Field(max_length=20)] = []
    by: str | None = None
    format: Literal["csv", "xlsx", "jsonl", "parquet"] = "csv"
    scores: bool = False
    redact: bool = False
    excel_nl: bool = False


class JobOut(BaseModel):
    """How a job is going. `rows` is known once it runs; `row_errors` counts rows that could not be read, once it is done."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    name: str
    rows_done: int
    rows: int | None
    row_errors: dict[str, int]
    report: bool
    model: ModelOut | None
    taxonomy_version: str | None
    created: datetime
    finished: datetime | None
    removed_at: datetime | None
    error_type: str | None
    error: str | None


class StreamOptions(BaseModel):
    """As `Options`, in the address: `?scores=true&lenses=tier&lenses=motivator`."""

    model_config = ConfigDict(extra="forbid")

    scores: bool = False
    lenses: list[str] = []
    redact: bool = False


class FeedbackIn(BaseModel):
    """What is wrong with the labels of a review: those it has not (`wrong`), those it has (`missing`), by name as in
    `/v1/info`. Kept without personal data, and only with `consent`."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [{"text": "Ze luisteren nooit.", "wrong": ["ease+"], "missing": ["self-"], "consent": True}]
        },
    )

    text: str
    wrong: Names = []
    missing: Names = []
    consent: bool = False


class FeedbackOut(BaseModel):
    """`id` takes it back; after `kept_days` it is removed."""

    id: str
    kept_days: float
