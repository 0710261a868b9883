"""The labelling loop from beginning to end, with the real commands and a simulated annotator: raw → label → retrain → gate → reload.

    python benchmarks/labelling_loop.py --work runs/loop [-o plot.svg]

Written reviews of this repository play a team's own: their labels are hidden, and revealed when `label next` asks for a review,
as an export of Label Studio. The first bundle knows the codebook and some written reviews of other sectors. The encoder has two
layers of `training/base`, so that a round takes a minute; figures are of the exported bundles, on reviews nobody was asked about.
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import httpx
import numpy as np
import vl_convert
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from benchmarks.served import serving
from model.predictor import Predictor
from model.redact import Redactor
from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, read
from training.labelling.annotated import Annotated, known_names, write_annotated
from training.labelling.curve import Curve, Round, curve, hits
from training.labelling.label_studio import to_label_studio
from training.labelling.tasks import Raw, prepare

ROOT = Path(__file__).parents[1]
DATA = ROOT / "training" / "data"
START = [DATA / "codebook", DATA / "motivators" / "g10-en-01.rev"]
OWN = sorted(DATA.glob("g[1-3]-*.rev"))
WAYS = {"random": "1", "mix": "0.1"}  # what `label next --random` is given


@dataclass(frozen=True)
class Team:
    """The hidden labels by review, the file of raw reviews to choose from, and the file of reviews to measure on."""

    hidden: dict[str, Annotated]
    raw: Path
    test: Path


def stage(*words: object) -> subprocess.CompletedProcess[str]:
    """`python -m training …`."""
    command = [sys.executable, "-m", "training", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def training(*words: object) -> str:
    """What a stage printed. Ends the loop where it fails."""
    done = stage(*words)
    if done.returncode:
        sys.exit(f"training {words[0]} {words[1]}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def accepted(candidate: Path, current: Path, test: Path, about: str) -> bool:
    """The gate: whether no lens of the candidate is worse; prints what it said."""
    done = stage("compare", candidate, "--current", current, "--data", test)
    print(f"{about}: {(done.stderr or done.stdout).strip().splitlines()[-1]}", flush=True)
    return done.returncode == 0


def two_layers(folder: Path, layers: int = 2) -> Path:
    """The first layers of `training/base`."""
    base = ROOT / "training" / "base"
    logging.set_verbosity_error()  # of the other ten layers
    logging.disable_progress_bar()
    AutoModel.from_pretrained(base, num_hidden_layers=layers).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def small_config(folder: Path, epochs: int) -> Path:
    """The first round of `configs/train.toml`, shorter, with more held out: there are few reviews."""
    default = (ROOT / "training" / "configs" / "train.toml").read_text(encoding="utf-8")
    first = default[: default.index("[[rounds]]", default.index("[[rounds]]") + 1)]
    first = first.replace("hold_out = 0.1", "hold_out = 0.3").replace("window = 256", "window = 128")
    path = folder / "small.toml"
    path.write_text(first.replace("epochs = 8", f"epochs = {epochs}"), encoding="utf-8")
    return path


def team(folder: Path, reviews: int, test: int, taxonomy: Taxonomy) -> Team:
    """Reviews that our own splitter cuts as their labels are, so that the simulated annotator can answer."""
    found = {f"r{number}": review for number, review in enumerate(read(OWN, taxonomy))}
    problems: list[str] = []
    ready = {
        one.id: one for one in prepare((Raw(name, review.text) for name, review in found.items()), Redactor.load(), problems)
    }
    alike = [name for name, review in found.items() if name in ready and ready[name].sentences == review.sentences]
    drawn = [alike[place] for place in np.random.default_rng(0).permutation(len(alike))[: reviews + test]]
    hidden = {name: _annotated(name, found[name], taxonomy) for name in drawn}
    write_annotated(folder / "test.jsonl", [hidden[name] for name in drawn[:test]], taxonomy)
    raw = "".join(json.dumps({"id": name, "text": found[name].text}, ensure_ascii=False) + "\n" for name in drawn[test:])
    (folder / "raw.jsonl").write_text(raw, encoding="utf-8")
    return Team(hidden, folder / "raw.jsonl", folder / "test.jsonl")


def _annotated(name: str, review: LabelledReview, taxonomy: Taxonomy) -> Annotated:
    return Annotated(name, "simulated", review.sentences, tuple(known_names(c, taxonomy, name) for c in review.codes))


def annotate(tasks: Path, export: Path, asked: Team, taxonomy: Taxonomy) -> None:
    """The simulated annotator: an export of Label Studio in which every task has its label."""
    wanted = dict.fromkeys(task["data"]["review_id"] for task in json.loads(tasks.read_text(encoding="utf-8")))
    export.write_text(to_label_studio([asked.hidden[name] for name in wanted], taxonomy), encoding="utf-8")


def rounds(folder: Path, way: str, first: Path, asked: Team, options: argparse.Namespace, retrain: list[object]) -> list[Round]:
    """Every round: choose, label, retrain, gate. What the gate refuses does not choose the next reviews."""
    folder.mkdir()
    labelled, bundle, made = folder / "labelled.jsonl", first, []
    taxonomy = Taxonomy.load()
    for number in range(1, options.rounds + 1):
        known = ["--labelled", labelled] if labelled.exists() else []
        shares = ["--n", options.n, "--random", WAYS[way], "--seed", number]
        print(way, training("label", "next", asked.raw, "-o", folder / "tasks.json", "--bundle", bundle, *known, *shares).strip())
        annotate(folder / "tasks.json", folder / "export.json", asked, taxonomy)
        training("label", "convert", folder / "export.json", "-o", folder / "new.jsonl")
        with labelled.open("a", encoding="utf-8") as file:
            file.write((folder / "new.jsonl").read_text(encoding="utf-8"))
        candidate = folder / f"bundle-{number}"
        work = ["--work", folder / f"work-{number}", "--version", f"0.0.{number}"]
        training("retrain", "--data", labelled, *START, *retrain, *work, "-o", candidate)
        shutil.rmtree(folder / f"work-{number}")
        made.append(Round(number * options.n, candidate))
        if accepted(candidate, bundle, asked.test, f"{way}, round {number}"):
            bundle = candidate
    return made


def reload(first: Path, last: Path) -> None:
    """A service that runs with the first bundle takes the last one without a stop."""
    place = first.parent / "served"
    place.mkdir()
    for name, bundle in (("first", first), ("last", last)):
        shutil.copytree(bundle, place / name)
    with serving(place, "--bundle", str(place / "first"), JOBS="false") as served:
        before = httpx.get(f"{served.url}/v1/info").json()["model"]
        answer = httpx.post(f"{served.url}/v1/admin/reload", json={"bundle": "last"}, timeout=60)
        after = httpx.get(f"{served.url}/v1/info").json()["model"]
    told = f"{before['version']} → {after['version']}" if answer.status_code == 200 else answer.text
    print(f"reload: {told}")


def table(curves: dict[str, Curve]) -> str:
    sizes = [one.labelled for one in next(iter(curves.values())).rounds]
    lines = [f"| labelled reviews | {' | '.join(curves)} |", "|---" * (len(curves) + 1) + "|"]
    lines += [f"| {size} | {' | '.join(str(c.figures[at]) for c in curves.values())} |" for at, size in enumerate(sizes)]
    return "\n".join(lines)


def plot(curves: dict[str, Curve], path: Path) -> None:
    rows = [
        {"way": way, "labels": one.labelled, "quality": figure.value, "low": figure.low, "high": figure.high}
        for way, found in curves.items()
        for one, figure in zip(found.rounds, found.figures, strict=True)
    ]
    x, y = alt.X("labels:Q", title="labelled reviews"), alt.Y("quality:Q", title="micro-F1", scale=alt.Scale(zero=False))
    chart = alt.Chart(alt.Data(values=rows)).encode(x=x, color=alt.Color("way:N", title=None, sort=list(WAYS)))
    both = chart.mark_line(point=True).encode(y=y) + chart.mark_errorband().encode(alt.Y("low:Q", title="micro-F1"), y2="high:Q")
    path.write_text(vl_convert.vegalite_to_svg(both.properties(width=560, height=320).to_json()), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder that does not exist yet")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n", type=int, default=100, help="reviews a round")
    parser.add_argument("--pool", type=int, default=1000, help="raw reviews to choose from")
    parser.add_argument("--test", type=int, default=400, help="reviews to measure on")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("-o", "--output", type=Path, help="plot (.svg)")
    options = parser.parse_args()
    work = options.work.absolute()
    work.mkdir(parents=True)
    taxonomy = Taxonomy.load()
    asked = team(work, options.pool, options.test, taxonomy)
    (work / "canaries.jsonl").write_text("")
    retrain = [
        "--base",
        two_layers(work / "base"),
        "--config",
        small_config(work, options.epochs),
        "--canaries",
        work / "canaries.jsonl",
    ]
    training("retrain", "--data", *START, *retrain, "--work", work / "first-work", "--version", "0.0.0", "-o", work / "first")
    print(f"first bundle: {work / 'first'}", flush=True)
    own = [*retrain, "--train-only", *START]
    found = {
        way: [Round(0, work / "first"), *rounds(work / way, way, work / "first", asked, options, own)] for way in options.ways
    }
    reviews = read([asked.test], taxonomy)
    read_by = {way: [hits(Predictor.load(one.bundle), reviews) for one in made] for way, made in found.items()}
    curves = {way: curve(made, read_by[way], options.n) for way, made in found.items()}
    for way, one in curves.items():
        print(f"{way}: {one.hint(0.01)}")
    print(f"\n{len(reviews)} reviews to measure on, micro-F1 of all labels\n\n{table(curves)}\n")
    if options.output:
        plot(curves, options.output)
    reload(work / "first", found[options.ways[-1]][-1].bundle)


if __name__ == "__main__":
    main()
