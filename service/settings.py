"""Everything that can be set from outside, and its limits: read from the environment, `SNAAR_` before each name."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from model.bundle import DEFAULT_BUNDLE
from service.schemas import MOST_REVIEWS


class Settings(BaseSettings):
    """For instance `SNAAR_PORT=9000`."""

    model_config = SettingsConfigDict(env_prefix="SNAAR_", frozen=True)

    bundle: Path = Field(default=DEFAULT_BUNDLE, description="folder of the bundle to serve")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8080, ge=1, le=65535, description="port to listen on")
    jobs: bool = Field(default=True, description="take files to score at /v1/jobs")
    data: Path = Field(default=Path("snaar-data"), description="folder where jobs and feedback are kept")
    database_url: str | None = Field(
        default=None, description="postgresql://… for the tables of jobs and feedback; default: SQLite in the folder"
    )
    max_job_bytes: int = Field(default=200_000_000, ge=1, description="bytes in a file for a job or in a stream, also unpacked")
    max_job_rows: int = Field(default=250_000, ge=1, description="rows in a file for a job")
    max_jobs_waiting: int = Field(default=20, ge=1, description="jobs that may wait")
    job_days: float = Field(default=7, gt=0, description="days a finished job is kept")
    feedback: bool = Field(default=False, description="keep what users say is wrong at /v1/feedback, with their consent")
    feedback_days: float = Field(default=90, gt=0, description="days feedback is kept")
    threads: int | None = Field(
        default=None,
        ge=1,
        description="batches read side by side, each on a processor; default: one more than the processors at hand, or than the container's quota where that is less",
    )
    max_reviews: int = Field(default=256, ge=1, le=MOST_REVIEWS, description="reviews in one request")
    max_characters: int = Field(default=20_000, ge=1, description="characters in one review")
    max_body_bytes: int = Field(default=8_000_000, ge=1, description="bytes in the body of a request")
    timeout: float = Field(default=30, gt=0, description="seconds within which a request is answered, or refused with 504")
    queue_tokens: int = Field(default=16_384, ge=1, description="tokens that may wait, by estimate; beyond it 429")
    body_seconds: float = Field(default=15, gt=0, description="seconds in which a body must have come")
    max_connections: int = Field(default=1000, ge=1, description="open connections of a worker; beyond it 503")
    workers: int = Field(default=1, ge=1, description="processes that answer")
    drain_seconds: float = Field(default=0, ge=0, description="seconds between SIGTERM and refusing new connections")
    stop_seconds: float = Field(default=30, gt=0, description="seconds after that in which what was accepted is finished")
    keys: str = Field(default="", description="keys, `name role sha256` each, `;` between them")
    keys_file: Path | None = Field(default=None, description="file with a key a line; read again when it changes")
    allow_open: bool = Field(default=False, description="listen beyond this machine without keys")
    cors_origins: str = Field(default="", description="origins whose pages may call, spaces between them; default none")
    docs: bool = Field(default=True, description="serve /docs and /openapi.json")
    log_requests: bool = Field(default=True, description="one JSON line a request on standard output")
    traces: bool = Field(default=False, description="send traces; OTEL_… says where to")
    canary_seconds: float = Field(default=10, gt=0, description="seconds between canary predictions")


def share_metrics(folder: str) -> None:
    """Let the workers this process starts keep their counts together in a folder; prometheus-client asks for it this way."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder


def shared_metrics() -> bool:
    """Whether this is one worker of several."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ
