"""What is told of a request, in the log and in the metrics: numbers and names of our own, never text."""

import re
import time
import uuid
from dataclasses import dataclass, field

from starlette.types import Scope

from service.batcher import Stages

GIVEN_ID = re.compile(r"[0-9a-f]{8,32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # hexadecimal, so it holds no words
NAME = "snaar.seen"


@dataclass
class Seen:
    """One request; times in seconds, moments of the monotonic clock. Routes and middleware fill in what they know."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    key: str | None = None
    model: str | None = None
    reviews: int = 0
    tokens: int = 0
    status: int = 0
    error_type: str | None = None
    received: float = 0.0
    waited: float = 0.0
    computed: float = 0.0
    steps: Stages = field(default_factory=Stages)
    began: float = field(default_factory=time.monotonic)
    asked: float = 0.0  # when its texts went to the queue
    whole: float = 0.0

    @property
    def stages(self) -> dict[str, float]:
        """Seconds by stage."""
        return {"receive": self.received, "wait": self.waited, "compute": self.computed, **vars(self.steps), "all": self.whole}

    @classmethod
    def of(cls, scope: Scope) -> "Seen":
        """The record of a request, made where there is none."""
        if NAME not in scope:
            scope[NAME] = cls()
        found: Seen = scope[NAME]
        return found

    @classmethod
    def start(cls, scope: Scope) -> "Seen":
        """A new record; a client's own `X-Request-Id` is kept where it is hexadecimal."""
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        scope[NAME] = cls(given) if GIVEN_ID.fullmatch(given) else cls()
        return cls.of(scope)
