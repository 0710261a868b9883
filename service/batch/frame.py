"""The DataFrame door: the columns of `snaar score`, beside those of a polars or pandas frame."""

from typing import Any, TypeVar

from model.predictor import Predictor
from service.batch.score import read_texts, result_cells, result_columns
from service.settings import Settings

Frame = TypeVar("Frame")


def score_frame(frame: Frame, *, text: str, predictor: Predictor, scores: bool = False) -> Frame:
    """A new frame of the same kind with our columns added; missing and unreadable cells get an error in their row."""
    table: Any = frame
    cells = [value if isinstance(value, str) else None if value is None or value != value else value for value in table[text]]
    results = read_texts(predictor.predict, cells, Settings().max_characters)
    rows = [result_cells(cell, found.to_dict(scores=True), predictor, scores) for cell, found in zip(cells, results, strict=True)]
    made = {name: [row[n] for row in rows] for n, name in enumerate(result_columns(predictor, scores))}
    if hasattr(table, "with_columns"):  # polars
        import polars

        added: Frame = table.with_columns([polars.Series(name, values) for name, values in made.items()])
        return added
    assigned: Frame = table.assign(**made)
    return assigned
