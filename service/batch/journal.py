"""What has been scored so far, on disk beside the output: a run that is killed goes on from there.

An SQLite file of text hash → result. It belongs to one bundle; the text itself is not in it. As identical texts share a
hash, they are scored once.
"""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from service.batch.table import TableError


class Journal:
    """Results by text. Use as a context manager; raises TableError where the file belongs to another run."""

    def __init__(self, path: Path, task: dict[str, Any]) -> None:
        self.path = path
        try:
            self.database = sqlite3.connect(path)
            self.database.execute("PRAGMA journal_mode = WAL")
            self.database.execute("PRAGMA synchronous = NORMAL")
            self.database.execute("CREATE TABLE IF NOT EXISTS task (task TEXT)")
            self.database.execute(
                "CREATE TABLE IF NOT EXISTS results (text BLOB PRIMARY KEY, readable INTEGER, result BLOB) WITHOUT ROWID"
            )
            wanted = json.dumps(task, sort_keys=True)
            [known] = self.database.execute("SELECT task FROM task").fetchone() or [None]
        except sqlite3.Error as error:
            raise TableError(f"{path}: {error}; free some space, or remove the file to start again") from error
        if known is None:
            self.database.execute("INSERT INTO task VALUES (?)", [wanted])
            self.database.commit()
        elif known != wanted:
            self.database.close()
            raise TableError(
                f"{path} is of an unfinished run with another input, bundle or options: "
                "finish that run, choose another output, or remove the file"
            )

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.database.close()

    def get(self, texts: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The results of those texts that have one."""
        by_key = {_key(text): text for text in texts}
        found: dict[str, dict[str, Any]] = {}
        keys = list(by_key)
        for first in range(0, len(keys), 500):
            some = keys[first : first + 500]
            marks = ",".join("?" * len(some))
            for key, packed in self.database.execute(f"SELECT text, result FROM results WHERE text IN ({marks})", some):
                found[by_key[key]] = json.loads(zlib.decompress(packed))
        return found

    def add(self, results: dict[str, dict[str, Any]]) -> None:
        """Keep results, safe from a kill from here on; raises TableError where the disk is full."""
        rows = [
            (_key(text), result["status"] == "ok", zlib.compress(json.dumps(result).encode(), 1))
            for text, result in results.items()
        ]
        try:
            with self.database:
                self.database.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise TableError(
                f"{self.path}: {error}; free some space and give the same command again, it goes on from here"
            ) from error

    def readable(self) -> int:
        """How many different texts have a result that is no error."""
        [count] = self.database.execute("SELECT COUNT(*) FROM results WHERE readable").fetchone()
        return int(count)

    def remove(self) -> None:
        """Close and delete; the run is finished."""
        self.database.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
