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
    threads: int | None = Field(default=None, ge=1, description="threads of the network; default: the processors at hand")
    max_reviews: int = Field(default=256, ge=1, description="reviews in one request")
    max_characters: int = Field(default=20_000, ge=1, description="characters in one review")
    max_body_bytes: int = Field(default=32_000_000, ge=1, description="bytes in the body of a request")
    timeout: float = Field(default=30, gt=0, description="seconds within which a request is answered, or refused with 504")
    queue_tokens: int = Field(default=32_768, ge=1, description="tokens that may wait, by estimate; beyond it 429")
    body_seconds: float = Field(default=15, gt=0, description="seconds in which a body must have come")
    canary_seconds: float = Field(default=10, gt=0, description="seconds between canary predictions")
