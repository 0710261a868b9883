"""The database of jobs and feedback: SQLite in the data folder, or PostgreSQL by URL. Migrations run when it is opened."""

import fcntl
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase

from service.data import StoreError, make_folder, table
from service.settings import Settings

MIGRATIONS = Path(__file__).with_name("migrations")


class Base(DeclarativeBase):
    """Tables of the service."""


def open_database(settings: Settings) -> Engine:
    """The database of these settings, its tables up to date. Raises DataFolderError or StoreError."""
    make_folder(settings.data)
    with (settings.data / "migrate.lock").open("w") as lock:  # of processes that open it together, one migrates at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        return connect(settings.database_url or f"sqlite:///{table(settings)}")


def connect(url: str) -> Engine:
    """Connect and bring the tables up to date; raises StoreError."""
    try:
        engine = create_engine(_with_driver(url), pool_pre_ping=True)
        settings = Config()
        settings.set_main_option("script_location", str(MIGRATIONS))
        with engine.begin() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
    except ModuleNotFoundError as error:
        raise StoreError("a postgresql:// URL needs the postgres extra: pip install 'snaar[postgres]'") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database of SNAAR_DATABASE_URL cannot be opened ({type(error).__name__})") from error
    return engine


def _with_driver(url: str) -> str:
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)
