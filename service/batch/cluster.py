"""`snaar score --ray`: the same scoring on Ray Data, on this machine or a cluster; needs the `ray` extra.

Every input file (Parquet) becomes a folder of Parquet files in the output folder. A folder with the mark `DONE` is
finished: the same command skips it, so a run that was cut off goes on with the files that are left.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import ray
from ray.data import ActorPoolStrategy, DataContext

from model.predictor import Predictor
from service.batch.columns import Roles
from service.batch.score import read_texts, result_cells, result_columns
from service.batch.table import Table, TableError

DONE = "_DONE"
ROWS_A_BATCH = 1024


class Reader:
    """An actor: holds one Predictor and adds our columns to the batches it is given."""

    def __init__(self, bundle: Path, text: list[int], scores: bool, max_characters: int) -> None:
        self.predictor = Predictor.load(bundle, threads=1)
        self.roles = Roles(text, None, None, None, None)
        self.scores = scores
        self.max_characters = max_characters

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        rows = [list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]
        texts = [self.roles.text_of(row) for row in rows]
        results = read_texts(self.predictor.predict, texts, self.max_characters)
        cells = [
            result_cells(text, found.to_dict(scores=True), self.predictor, self.scores)
            for text, found in zip(texts, results, strict=True)
        ]
        for column, (name, kind) in enumerate(result_columns(self.predictor, self.scores).items()):
            batch = batch.append_column(name, pyarrow.array([row[column] for row in cells], kind))
        return batch


def score_on_ray(
    tables: list[Table], output: Path, *, address: str, text: list[int], scores: bool, bundle: Path, max_characters: int, workers: int,
    progress: Callable[[str], Any],
) -> int:  # fmt: skip
    """Score every table; `address` is `local` or that of a cluster. Returns how many were scored now; raises TableError."""
    for table in tables:
        if table.kind != ".parquet":
            raise TableError(f"{table.path}: --ray reads Parquet; convert it first")
    output.mkdir(parents=True, exist_ok=True)
    ray.init(address=None if address == "local" else address, num_cpus=workers + 1 if address == "local" else None,
             include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)  # fmt: skip
    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    scored = 0
    try:
        for table in tables:
            folder = output / table.path.name
            if (folder / DONE).exists():
                progress(f"{table.path.name}: was finished before")
                continue
            shutil.rmtree(folder, ignore_errors=True)
            ray.data.read_parquet(str(table.path)).map_batches(
                Reader,
                fn_constructor_args=(bundle, text, scores, max_characters),
                batch_format="pyarrow",
                batch_size=ROWS_A_BATCH,
                compute=ActorPoolStrategy(size=workers),
                num_cpus=1,
            ).write_parquet(str(folder))
            (folder / DONE).touch()
            scored += 1
            progress(f"{table.path.name}: scored")
    finally:
        ray.shutdown()
    return scored
