"""The folder of what the service keeps, and what can be wrong with it. Light: the database itself is loaded with the first use."""

from datetime import UTC, datetime
from pathlib import Path

from model.errors import ModelError
from service.settings import Settings


class StoreError(ModelError):
    """The database cannot be used; the message says what to do."""


class DataFolderError(ModelError):
    """The data folder cannot be written."""


def make_folder(folder: Path) -> None:
    """Raises DataFolderError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "migrate.lock").touch()
    except OSError as error:
        told = f"cannot be written ({error.strerror}); set SNAAR_DATA to one that can, or SNAAR_JOBS=false without SNAAR_FEEDBACK"
        raise DataFolderError(f"the data folder {folder} {told}") from error


def table(settings: Settings) -> Path:
    """Where SQLite keeps jobs and feedback."""
    return settings.data / "jobs.sqlite"


def now() -> datetime:
    """This moment in UTC, without a zone: SQLite keeps none."""
    return datetime.now(UTC).replace(tzinfo=None)
