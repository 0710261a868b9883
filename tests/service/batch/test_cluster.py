"""Ray gives what one machine gives. Long: ray alone is 240 MB; `pip install -e '.[ray]'`, then `pytest -m long`."""

from pathlib import Path

import pyarrow.parquet
import pytest

from service.batch.command import score


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_two_ray_workers_write_what_one_machine_writes(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    texts = [f"De bezorger kwam {n} dagen te laat. Wel vriendelijk." for n in range(3000)]
    pyarrow.parquet.write_table(pyarrow.table({"id": list(range(3000)), "review": [*texts[:-2], None, ""]}), source / "a.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"id": [1], "review": ["Top!"]}), source / "b.parquet")
    score([source], tmp_path / "one.parquet")
    score([source], tmp_path / "many", ray="local", workers=2)
    one = pyarrow.parquet.read_table(tmp_path / "one.parquet")
    many = pyarrow.concat_tables([pyarrow.parquet.read_table(tmp_path / "many" / name) for name in ("a.parquet", "b.parquet")])
    assert many.to_pylist() == one.to_pylist()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "many").rglob("*.parquet")}
    score([source], tmp_path / "many", ray="local", workers=2)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "many").rglob("*.parquet")} == before
