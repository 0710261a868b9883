"""Where the files of a job lie: a folder named after its id, in it names of our own. No name of a client's is in a path."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

REPORTS = {"html": "report.html", "xlsx": "report.xlsx", "json": "report.json"}


@dataclass(frozen=True)
class JobFiles:
    """The folder `jobs` in the data folder."""

    root: Path

    def folder(self, job_id: str) -> Path:
        return self.root / job_id

    def input(self, job_id: str, kind: str) -> Path:
        return self.folder(job_id) / f"input{kind}"

    def result(self, job_id: str, form: str) -> Path:
        return self.folder(job_id) / f"result.{form}"

    def report(self, job_id: str, form: str) -> Path:
        return self.folder(job_id) / REPORTS[form]

    def remove(self, job_id: str) -> None:
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def older_than(self, seconds: float) -> list[str]:
        """Ids of folders made so long ago."""
        return [folder.name for folder in self.root.iterdir() if folder.stat().st_mtime < time.time() - seconds]
