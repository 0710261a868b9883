"""Results and the taxonomy as a person reads them in a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from model.score import Result
from model.taxonomy import Taxonomy

SIGN_STYLE = {"+": "green", "-": "red", "": "cyan"}


def result(console: Console, text: str, found: Result, taxonomy: Taxonomy) -> None:
    """The review with its evidence underlined, and a table of its labels."""
    if found.status == "error":
        console.print(f"[red]✗ {found.error}[/red]\n")
        return
    shown = Text(text)
    for label in found.labels:
        if label.lens in ("tier", "motivator"):
            for span in label.evidence:
                shown.stylize("underline", span.start, span.end)
    console.print(shown)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("lens", "label", "", "score", "drempel", "zinnen"):
        table.add_column(column)
    names = {label.id: label.name_nl for label in taxonomy.labels}
    lenses = {lens.id: lens.name_nl for lens in taxonomy.lenses}
    numbers = {span: str(number) for number, span in enumerate(found.sentences, 1)}
    for label in found.labels:
        style = SIGN_STYLE[label.sign]
        evidence = ", ".join(numbers[span] for span in label.evidence)
        table.add_row(
            lenses[label.lens],
            names[label.id],
            f"[{style}]{label.sign}[/]",
            f"{label.score:.2f}",
            f"{label.threshold:.2f}",
            evidence,
        )
    console.print(table if found.labels else "[dim]geen labels[/dim]")
    if found.warnings:
        console.print(f"[yellow]let op: {', '.join(found.warnings)}[/yellow]")
    console.print()


def taxonomy(console: Console, found: Taxonomy, language: str) -> None:
    """Every lens and label with its definition."""
    console.print(f"[dim]taxonomy {found.version}[/dim]\n")
    for lens in found.lenses:
        console.print(
            f"[bold]{escape(getattr(lens, f'name_{language}'))}[/bold] ({lens.id}): {escape(getattr(lens, f'definition_{language}'))}"
        )
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for label in lens.labels:
            table.add_row(
                label.id,
                "/".join(label.signs),
                getattr(label, f"name_{language}"),
                escape(getattr(label, f"definition_{language}")),
            )
        console.print(table)
        console.print()
