"""Who may come in: before anything of the body is read."""

import base64
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import answer
from service.keys import Keyring, Role
from service.seen import Seen

PUBLIC = {"/", "/health/live", "/health/ready", "/docs", "/openapi.json"}
ADMIN = "/v1/admin"
LABEL_STUDIO = "/labelstudio/"
LOCAL_NAMES = {"localhost", "127.0.0.1", "::1", "testserver"}


class Access:
    """Middleware that answers 401, 403 or 429 where the key, its role or its limit says so. Without any keys everybody is
    let in, but for administration only this machine is."""

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self.app = app
        self.keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        role = needed(scope["path"])
        headers = Headers(scope=scope)
        if role is None or (scope["method"] == "OPTIONS" and "access-control-request-method" in headers):
            return None
        if self.keyring.open:
            if role < Role.admin or _from_here(scope, headers):
                return None
            return answer(403, "forbidden", "without keys, administration is for this machine only; make a key: `snaar key NAME`")
        secret = _secret(headers, scope["path"])
        key = self.keyring.find(secret) if secret else None
        if key is None:
            return answer(401, "no_key" if not secret else "unknown_key", _how(scope["path"]))
        Seen.of(scope).key = key.name
        if key.role < role:
            return answer(403, "forbidden", f"this takes a key with the role {role.name}")
        wait = self.keyring.wait(key)
        if wait:
            return answer(429, "rate_limited", f"this key may make {key.per_minute} requests a minute", retry_after=wait)
        return None


def _how(path: str) -> str:
    basic = "; Label Studio sends it as the password of basic authentication" if path.startswith(LABEL_STUDIO) else ""
    return f"send your key as `Authorization: Bearer KEY`{basic}"


def needed(path: str) -> Role | None:
    """The role an address takes; None where no key is needed."""
    if path in PUBLIC or path.startswith("/docs/static/"):
        return None
    if path == ADMIN or path.startswith(ADMIN + "/"):
        return Role.admin
    return Role.metrics if path == "/metrics" else Role.use


def is_loopback(host: str) -> bool:
    """Whether an address to listen on, or one that calls, is this machine's own."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(headers: Headers, path: str) -> str | None:
    """The key a request brings. Label Studio can only send basic auth: there the password is the key, under any name."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and path.startswith(LABEL_STUDIO):
        return _password(secret)
    return secret.strip() if scheme.lower() == "bearer" and secret.strip() else headers.get("x-api-key")


def _password(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")[2]
    except ValueError:  # not base64, not even ASCII, or not UTF-8 within
        return None


def _from_here(scope: Scope, headers: Headers) -> bool:
    """Whether a call comes from this machine, and not from a web page of elsewhere in a browser on it."""
    client = scope.get("client")
    local = client is not None and (is_loopback(client[0]) or client[0] == "testclient")
    named = [urlsplit("//" + headers.get("host", "")).hostname]
    named += [urlsplit(headers["origin"]).hostname] if "origin" in headers else []
    return local and all(name in LOCAL_NAMES for name in named)
