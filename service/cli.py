"""The command line: `snaar serve | key | classify | score | report | feedback | labels | check`."""

import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from model.bundle import DEFAULT_BUNDLE, Bundle
from model.errors import ModelError
from model.predictor import AT_ONCE, Predictor
from model.score import Result
from model.taxonomy import Taxonomy
from service import show
from service.batch import command
from service.classify import classify as classify_texts
from service.settings import Settings

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Wat beweegt Nederlandstalige klanten?"
)

BundleOption = Annotated[Path, typer.Option("--bundle", help="Folder of the bundle.")]


class Language(StrEnum):
    """Languages the taxonomy speaks."""

    nl = "nl"
    en = "en"


class RoleName(StrEnum):
    """What a key is good for."""

    metrics = "metrics"
    use = "use"
    admin = "admin"


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default SNAAR_HOST or 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; default SNAAR_PORT or 8080.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Folder of the bundle; default the one that ships.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer; default 1.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds within which a request is answered; default 30.")] = None,
) -> None:
    """Serve the HTTP endpoint. Everything else is set by SNAAR_… variables: docs/operations.md has them all."""
    from service.serve import serve as serve_with

    given = {"host": host, "port": port, "bundle": bundle, "workers": workers, "timeout": timeout}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    Bundle.open(settings.bundle).verify()
    serve_with(settings)


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Whose key it is: letters, digits, dots, dashes, underscores.")],
    role: Annotated[RoleName, typer.Option(help="metrics reads /metrics, use also scores, admin also reloads.")] = RoleName.use,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Requests a minute; default no limit.")] = None,
) -> None:
    """Make an API key. It is shown once; keep the line below it in SNAAR_KEYS_FILE."""
    from service import keys  # what the other commands need not load

    secret, made = keys.make(name, keys.Role[role.value], per_minute)
    print(f"key:  {secret}")
    print(f"line: {made.line}")


@app.command()
def classify(
    texts: Annotated[list[str], typer.Argument(help="Reviews; `-` reads one a line from standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="With --json: the scores of all outputs.")] = False,
    bundle: BundleOption = DEFAULT_BUNDLE,
) -> None:
    """Read reviews and show their labels with the evidence."""
    predictor = Predictor.load(bundle)
    console = Console(highlight=False)
    waiting = enumerate(_lines() if texts == ["-"] else texts, 1)
    limit = Settings().max_characters
    while chunk := list(islice(waiting, AT_ONCE)):
        for (number, text), result in zip(chunk, _read(predictor, [text for _, text in chunk], limit), strict=True):
            if as_json:
                print(json.dumps({"id": str(number), **result.to_dict(scores=scores)}, ensure_ascii=False))
            else:
                show.result(console, text or "", result, predictor.taxonomy)


app.command()(command.score)
app.command()(command.report)


@app.command()
def feedback(
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write it: JSON lines.")],
) -> None:
    """Write down the feedback that was kept, to label it: docs/labelling.md. Says nothing of what is past its days."""
    from service.feedback import FeedbackStore  # what the other commands need not load

    store = FeedbackStore.open(Settings())
    with output.open("w", encoding="utf-8") as file:
        count = sum(bool(file.write(json.dumps(found.record(), ensure_ascii=False) + "\n")) for found in store.all())
    print(f"{output}: {count} messages")


@app.command()
def labels(
    language: Annotated[Language, typer.Option("--lang", help="Language of names and definitions.")] = Language.nl,
) -> None:
    """Show the taxonomy: every label with its meaning."""
    show.taxonomy(Console(highlight=False), Taxonomy.load(), language.value)


@app.command()
def check(bundle: BundleOption = DEFAULT_BUNDLE) -> None:
    """Verify the bundle's checksums and score its canary texts."""
    predictor = Predictor.load(bundle)
    predictor.bundle.verify()
    failed = predictor.failed_canaries()
    for line in failed:
        print(line, file=sys.stderr)
    manifest = predictor.bundle.manifest
    print(f"{manifest.name} {manifest.version} {predictor.bundle.sha256[:12]}: {'failed' if failed else 'ok'}")
    raise typer.Exit(1 if failed else 0)


def _lines() -> Iterator[str | None]:
    """Lines of standard input; None for one that is not UTF-8."""
    for line in sys.stdin.buffer:
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield None


def _read(predictor: Predictor, texts: list[str | None], limit: int) -> Iterable[Result]:
    not_utf8 = Result.failed("not_text", "the line is not UTF-8 text; convert it first", warnings=[])
    found = iter(classify_texts(predictor.predict, [text for text in texts if text is not None], max_characters=limit))
    return [not_utf8 if text is None else next(found) for text in texts]


def main() -> None:
    """Entry point: an error is one clear line on standard error and exit status 2."""
    try:
        app()
    except ModelError as error:
        _fail(str(error))
    except ValidationError as error:
        found = error.errors()[0]
        _fail(f"setting SNAAR_{str(found['loc'][0]).upper()}: {found['msg']}")


def _fail(message: str) -> NoReturn:
    print(f"snaar: {message}", file=sys.stderr)
    sys.exit(2)
