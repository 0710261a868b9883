"""Everything that can be set from outside, and its limits: read from the environment, `SNAAR_` before each name."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from model.bundle import DEFAULT_BUNDLE


class Settings(BaseSettings):
    """For instance `SNAAR_PORT=9000`."""

    model_config = SettingsConfigDict(env_prefix="SNAAR_", frozen=True)

    bundle: Path = Field(default=DEFAULT_BUNDLE, description="folder of the bundle to serve")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8080, ge=1, le=65535, description="port to listen on")
    jobs: bool = Field(default=True, description="take files to score at /v1/jobs")
    data: Path = Field(default=Path("snaar-data"), description="folder where jobs keep their files and table")
    database_url: str | None = Field(
        default=None, description="postgresql://… for the table of jobs; default: SQLite in the folder"
    )
    max_job_bytes: int = Field(default=200_000_000, ge=1, description="bytes in a file for a job or in a stream, also unpacked")
    max_job_rows: int = Field(default=250_000, ge=1, description="rows in a file for a job")
    max_jobs_waiting: int = Field(default=20, ge=1, description="jobs that may wait")
    job_days: float = Field(default=7, gt=0, description="days a finished job is kept")
    threads: int | None = Field(default=None, ge=1, description="threads of the network; default: the processors at hand")
    max_reviews: int = Field(default=256, ge=1, description="reviews in one request")
    max_characters: int = Field(default=20_000, ge=1, description="characters in one review")
    max_body_bytes: int = Field(default=32_000_000, ge=1, description="bytes in the body of a request")
