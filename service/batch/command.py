"""`snaar score` and `snaar report`: the doors for analysts."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from model.bundle import DEFAULT_BUNDLE
from service.settings import Settings


def score(
    inputs: Annotated[list[Path], typer.Argument(help="Files or folders: CSV, TSV, XLSX, JSONL, Parquet, also .gz and .zst; `-` reads CSV from standard input.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write: .csv, .tsv, .xlsx, .jsonl or .parquet.")],
    text_column: Annotated[list[str] | None, typer.Option(help="Column with the text; more than once joins them. Default: found by itself.")] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Also a column with the score of every output.")] = False,
    redact: Annotated[bool, typer.Option("--redact", help="Replace personal data in the text columns and the evidence by tags.")] = False,
    excel_nl: Annotated[bool, typer.Option("--excel-nl", help="CSV as a Dutch Excel likes it: semicolons, decimal commas, BOM.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 3 where any row could not be read.")] = False,
    ray: Annotated[str | None, typer.Option(help="Score Parquet files on Ray: `local` or the address of a cluster; -o is a folder then.")] = None,
    workers: Annotated[int, typer.Option(help="With --ray: how many workers.")] = 2,
    bundle: Annotated[Path, typer.Option("--bundle", help="Folder of the bundle.")] = DEFAULT_BUNDLE,
) -> None:  # fmt: skip
    """Score a dump of reviews; killed halfway, the same command goes on where it was."""
    from model.predictor import Predictor
    from service.batch.columns import Roles
    from service.batch.score import Task, score_dump
    from service.batch.table import TableError, tables
    from service.batch.write import LONG, Style, check_output

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if ray is not None:
        _score_on_ray(inputs, output, ray, workers, text_column or [], scores, bundle, console)
        return
    check_output(output)
    spooled = output.with_name(f"{output.name}.input.csv")
    if Path("-") in inputs:  # standard input becomes a file beside the output: it is read more than once
        with spooled.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    try:
        found = tables([spooled if path == Path("-") else path for path in inputs])
        roles = Roles.find(found[0], text_column or [])
    except TableError:
        spooled.unlink(missing_ok=True)  # no text of a customer stays behind
        raise
    console.print(f"{len(found)} file(s): {roles.describe(found[0])}")
    settings = Settings()
    predictor = Predictor.load(bundle, threads=settings.threads)
    task = Task(
        tables=found, roles=roles, output=output, scores=scores, redact=redact,
        style=Style(delimiter=found[0].delimiter, excel_nl=excel_nl), max_characters=settings.max_characters,
    )  # fmt: skip
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.speed:.0f}/s" if console.is_terminal else ""),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        line = bar.add_task("", total=None)
        summary = score_dump(
            task, predictor, predictor.predict, lambda done, total: bar.update(line, completed=done, total=total)
        )
    spooled.unlink(missing_ok=True)
    console.print(
        f"{summary.rows} rows, {summary.different} different texts ({summary.scored_now} scored now), {summary.seconds} s → {output}"
    )
    long = output.with_name(output.name + LONG)
    if output.suffix == ".xlsx" and long.exists():
        console.print(f"some cells are longer than Excel holds: cut there and marked, whole in {long}")
    if summary.bad:
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.bad.items()))
        first = ", ".join(map(str, summary.bad_rows))
        console.print(f"rows with an error: {told}; the first: {first}. They are in the output, column snaar_error")
        if strict:
            raise typer.Exit(3)


def _score_on_ray(
    inputs: list[Path],
    output: Path,
    address: str,
    workers: int,
    text_column: list[str],
    scores: bool,
    bundle: Path,
    console: Console,
) -> None:
    from service.batch.columns import Roles
    from service.batch.table import TableError, tables

    try:
        from service.batch.cluster import score_on_ray
    except ImportError as error:
        raise TableError("--ray needs the ray extra: pip install 'snaar[ray]'") from error

    found = tables(inputs)
    roles = Roles.find(found[0], text_column)
    console.print(f"{len(found)} file(s): {roles.describe(found[0])}")
    scored = score_on_ray(
        found, output, address=address, text=roles.text, scores=scores, bundle=bundle.resolve(),
        max_characters=Settings().max_characters, workers=workers, progress=console.print,
    )  # fmt: skip
    console.print(f"{scored} file(s) scored now → {output}")


def report(
    scored: Annotated[Path, typer.Argument(help="What `snaar score` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write, .html.")] = Path("rapport.html"),
    by: Annotated[str | None, typer.Option(help="Column whose groups are compared.")] = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Wat beweegt onze klanten?",
    xlsx: Annotated[Path | None, typer.Option(help="Also write the tables as a workbook.")] = None,
    json_output: Annotated[Path | None, typer.Option("--json", help="Also write every number as JSON.")] = None,
    redact: Annotated[bool, typer.Option("--redact/--no-redact", help="Replace personal data in quotes by tags.")] = True,
    bundle: Annotated[Path, typer.Option("--bundle", help="The bundle that scored.")] = DEFAULT_BUNDLE,
) -> None:  # fmt: skip
    """Make a Dutch report of scored reviews: one page that needs no network."""
    from model.bundle import Bundle
    from service.report.write import write_report

    told = write_report(
        scored, output, Bundle.open(bundle), by=by, title=title, source=scored.name, redact=redact, xlsx=xlsx, json_output=json_output
    )  # fmt: skip
    print(f"{told} reviews → {output}")
