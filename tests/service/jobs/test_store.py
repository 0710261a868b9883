"""The table of jobs, on SQLite and on a real PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect

from model.errors import ModelError
from service.data import now
from service.database import Base, connect
from service.feedback import Feedback
from service.jobs.store import UNFINISHED, Job, JobStore

BINARIES = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin")]
NOBODY = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    found = next((folder for folder in BINARIES if (folder / "initdb").exists()), None)
    if found is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql): its store is not tested here")
    folder = Path(tempfile.mkdtemp(prefix="snaar-pg-"))
    if NOBODY:
        shutil.chown(folder, **NOBODY)
    data, control = str(folder / "data"), [str(found / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log")]
    try:
        subprocess.run(
            [str(found / "initdb"), "-D", data, "-U", "snaar", "-A", "trust", "-N"],
            check=True,
            capture_output=True,
            cwd=folder,
            **NOBODY,  # type: ignore[call-overload]
        )
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **NOBODY)  # type: ignore[call-overload]
        yield f"postgresql://snaar@/postgres?host={folder}"
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder, **NOBODY)  # type: ignore[call-overload]
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JobStore]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}" if sqlite else request.getfixturevalue("postgres")
    JobStore(connect(url)).close()
    store = JobStore(connect(url))  # a second time: the migrations are there already
    yield store
    Base.metadata.drop_all(store.engine)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    store.close()


def add(store: JobStore, job_id: str) -> None:
    store.add(
        Job(id=job_id, name="dump é.csv", kind=".csv", format="csv", text_columns=["tekst"], scores=False, redact=False, excel_nl=False)
    )  # fmt: skip


def test_jobs_start_in_order_and_a_cancel_and_the_worker_do_not_overrule_each_other(store: JobStore) -> None:
    add(store, "first")
    add(store, "second")
    assert store.waiting() == 2
    job = store.start_next()
    assert job is not None
    assert (job.id, job.state, job.text_columns, job.starts) == ("first", "running", ["tekst"], 1)
    assert store.change("first", UNFINISHED, state="cancelled", finished=now())
    assert not store.change("first", ("running",), state="done")
    assert not store.remove("second")
    assert store.known(["first", "second", "third"]) == {"first", "second"}
    assert store.finished_before(now() + timedelta(seconds=1)) == ["first"]
    assert store.finished_before(now() - timedelta(days=1)) == []
    assert store.remove("first")
    assert store.get("first") is None


def test_a_job_that_was_there_in_every_crash_is_given_up(store: JobStore) -> None:
    add(store, "a")
    for _ in range(3):
        assert store.start_next() is not None
        store.recover()
    job = store.get("a")
    assert job is not None
    assert (job.state, job.error_type) == ("failed", "interrupted")


@pytest.mark.parametrize("table", [Job.__tablename__, Feedback.__tablename__])
def test_the_migrations_make_the_tables_the_code_expects(store: JobStore, table: str) -> None:
    dialect = store.engine.dialect
    found = inspect(store.engine).get_columns(table)
    made = {column["name"]: (column["type"].compile(dialect), column["nullable"]) for column in found}
    wanted = {column.name: (column.type.compile(dialect), column.nullable) for column in Base.metadata.tables[table].columns}
    assert made == wanted


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/x.sqlite", "postgresql://snaar:geheim@127.0.0.1:1/x", "geheim"])
def test_a_database_that_cannot_be_opened_is_a_clear_error_without_the_password(url: str) -> None:
    with pytest.raises(ModelError, match="SNAAR_DATABASE_URL") as found:
        connect(url)
    assert "geheim" not in str(found.value)
