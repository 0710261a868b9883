"""API keys: who may come in, and for what. Only their sha256 is kept: a key is 256 random bits, so no salt is needed.

One key a line: `name role sha256`, and where it has a limit, the requests it may make a minute. `#` begins a comment.
"""

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from service.errors import SetupError

PREFIX = "snaar_"
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
DIGEST = re.compile(r"[0-9a-f]{64}")
LOOK_AGAIN = 1.0  # seconds


class Role(IntEnum):
    """What a key is good for; each includes those before it."""

    metrics = 1
    use = 2
    admin = 3


@dataclass(frozen=True)
class Key:
    """A key as it is kept. `per_minute` is None where it has no limit."""

    name: str
    role: Role
    sha256: str
    per_minute: int | None = None

    @property
    def line(self) -> str:
        """As it stands in the file."""
        return " ".join([self.name, self.role.name, self.sha256, *([str(self.per_minute)] if self.per_minute else [])])


def make(name: str, role: Role, per_minute: int | None) -> tuple[str, Key]:
    """A new key: the secret, to be shown once, and what to keep of it."""
    if not NAME.fullmatch(name):
        raise SetupError("the name of a key has 1 to 64 letters, digits, dots, dashes or underscores")
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, Key(name, role, _sha256(secret), per_minute)


def parse(text: str, *, where: str) -> list[Key]:
    """The keys of a file or a variable; raises SetupError naming the line."""
    keys: list[Key] = []
    for number, line in enumerate(text.replace(";", "\n").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        good = len(words) in (3, 4) and NAME.fullmatch(words[0]) and words[1] in Role.__members__ and DIGEST.fullmatch(words[2])
        if not good or not all(word.isdigit() and int(word) > 0 for word in words[3:]):
            raise SetupError(
                f"{where}, line {number}: write `name role sha256 [requests a minute]`, as `snaar key NAME` prints it"
            )
        keys.append(Key(words[0], Role[words[1]], words[2], int(words[3]) if words[3:] else None))
    return keys


class Keyring:
    """The keys of a file and of a setting. The file is read again when it changes; while what it says is wrong, the
    keys from before hold."""

    def __init__(self, *, file: Path | None, given: str) -> None:
        self.file = file
        self.given = parse(given, where="SNAAR_KEYS")
        self.keys = [*self.given, *self._from_file()]
        self.stamp = self._stamp()
        self.looked = time.monotonic()
        self.problem: str | None = None
        self.spent: dict[str, tuple[float, float]] = {}  # name → (requests left, when that was)

    @property
    def open(self) -> bool:
        """Whether no keys are asked for at all."""
        return self.file is None and not self.given

    def find(self, secret: str) -> Key | None:
        """The key, compared in constant time with every one there is."""
        self._look_again()
        digest = _sha256(secret)
        found = [key for key in self.keys if hmac.compare_digest(key.sha256, digest)]
        return found[0] if found else None

    def wait(self, key: Key) -> int:
        """Spend one request of the key's minute: 0, or the seconds until there is one to spend."""
        if key.per_minute is None:
            return 0
        now = time.monotonic()
        left, then = self.spent.get(key.name, (float(key.per_minute), now))
        left = min(key.per_minute, left + (now - then) * key.per_minute / 60)
        if left < 1:
            return int((1 - left) * 60 / key.per_minute) + 1
        self.spent[key.name] = (left - 1, now)
        return 0

    def _look_again(self) -> None:
        if self.file is None or time.monotonic() - self.looked < LOOK_AGAIN:
            return
        self.looked = time.monotonic()
        stamp = self._stamp()
        if stamp == self.stamp:
            return
        try:
            self.keys = [*self.given, *self._from_file()]
            self.stamp, self.problem = stamp, None
        except SetupError as error:
            self.problem = str(error)

    def _from_file(self) -> list[Key]:
        if self.file is None:
            return []
        try:
            return parse(self.file.read_text(encoding="utf-8"), where=str(self.file))
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"SNAAR_KEYS_FILE {self.file}: cannot be read: {type(error).__name__}") from error

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self.file.stat() if self.file else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
