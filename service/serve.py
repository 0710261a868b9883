"""`snaar serve`: uvicorn around the application, with one process or several."""

import sys
from copy import deepcopy
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

from service.access import is_loopback
from service.errors import SetupError
from service.keys import Keyring
from service.settings import Settings, share_metrics

KEEP_ALIVE_SECONDS = 5


def serve(settings: Settings) -> None:
    """Serve until a signal ends it. Raises SetupError where it would let in anybody from anywhere."""
    keyring = Keyring(file=settings.keys_file, given=settings.keys)
    if keyring.open and not is_loopback(settings.host) and not settings.allow_open:
        raise SetupError(
            f"without keys the service listens to this machine only, not on {settings.host}: make a key with `snaar key NAME` and "
            "set SNAAR_KEYS_FILE, or set SNAAR_ALLOW_OPEN=true where something else guards the door"
        )
    if keyring.open:
        who = "only this machine" if is_loopback(settings.host) else "anybody who reaches the port"
        sys.stderr.write(f"without keys {who} may ask; `snaar key NAME` makes one\n")
    if settings.workers == 1:
        return _run(settings)
    with TemporaryDirectory(prefix="snaar-metrics-") as folder:
        share_metrics(folder)
        return _run(settings)


def _run(settings: Settings) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from service.app import create_app
    from service.punctual import PunctualProtocol

    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        access_log=False,
        http=PunctualProtocol,
        timeout_keep_alive=max(1, int(min(KEEP_ALIVE_SECONDS, settings.body_seconds))),
        server_header=False,
        ws="none",
        log_config=_logging(uvicorn.config.LOGGING_CONFIG, requests=settings.log_requests),
        limit_concurrency=settings.max_connections,
        timeout_worker_healthcheck=20,  # a worker that still loads must not be taken for one that hangs
        timeout_graceful_shutdown=int(settings.stop_seconds),
    )
    if settings.workers > 1:
        Multiprocess(config, sockets=[config.bind_socket()]).run()
    else:
        uvicorn.Server(config).run()


def _logging(base: dict[str, Any], *, requests: bool) -> dict[str, Any]:
    """uvicorn's own lines on standard error as they are; ours on standard output, one JSON object each."""
    config = deepcopy(base)
    config["formatters"]["plain"] = {"format": "%(message)s"}
    config["handlers"]["out"] = {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stdout"}
    config["loggers"]["snaar"] = {"handlers": ["out"], "level": "INFO" if requests else "WARNING", "propagate": False}
    return config
