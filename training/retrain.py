"""Stage `retrain`: labelled reviews → a calibrated, evaluated bundle, in one command."""

import argparse
import json
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from model.bundle import file_sha256
from model.predictor import Predictor
from model.taxonomy import Taxonomy
from training.average import average
from training.behave import behave, read_cases
from training.card import card
from training.dataset import files_of, read, without_positive
from training.errors import DataError
from training.evaluate import TestSet, agreement, evaluate, measured, read_annotators, write_report
from training.export import add_figures, add_reference, export, read_canaries
from training.files import write_json
from training.split import hold_out
from training.tables import markdown
from training.train import encoder_of, train
from training.wide import Wide

HERE = Path(__file__).parent


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training retrain", description="From labelled reviews to a served bundle.")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="labelled reviews: files or folders")
    parser.add_argument(
        "--train-only", type=Path, nargs="*", default=[], help="more labelled reviews, never held out for figures"
    )
    parser.add_argument(
        "--validate", type=Path, nargs="*", default=[], help="more reviews for thresholds and figures, never trained on"
    )
    parser.add_argument(
        "--unseen", type=Path, nargs="*", default=[], help="as --validate, but written for the purpose, not by customers"
    )
    parser.add_argument("--base", required=True, help="folder or hub id of an encoder")
    parser.add_argument("--config", type=Path, default=HERE / "configs" / "train.toml")
    parser.add_argument("--canaries", type=Path, default=HERE / "configs" / "canaries.jsonl")
    parser.add_argument("--name", default="snaar-nl")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--work", type=Path, default=Path("runs/retrain"), help="where the trained model and the figures go")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the new bundle")
    options = parser.parse_args(arguments)

    taxonomy = Taxonomy.load()
    config = tomllib.loads(options.config.read_text(encoding="utf-8"))
    mean_of = config.pop("mean_of", 1)
    if not 1 <= mean_of <= len(config["rounds"]):
        raise DataError(f"{options.config}: `mean_of` = {mean_of} is to be 1 to {len(config['rounds'])}, the number of rounds")
    reviews = read(options.data, taxonomy)
    kept, held = hold_out(reviews, config["hold_out"], seed=config["split_seed"])
    kept += read(options.train_only, taxonomy)
    if missing := without_positive(kept, taxonomy):
        print(f"warning: no positive example of {', '.join(missing)} to train on: the model will not find them", file=sys.stderr)
    sets = [TestSet(f"held-out {config['hold_out']:.0%} of the training data", held, real=not options.validate)]
    sets += [
        TestSet(f"real reviews ({path.name})", read([path], taxonomy), real=True, annotators=read_annotators(path, taxonomy))
        for path in options.validate
    ]
    sets += [TestSet(f"reviews never trained on ({path.name})", read([path], taxonomy), real=False) for path in options.unseen]
    print(f"{len(kept)} reviews to train on, {sum(len(s.reviews) for s in sets)} to calibrate and measure on")

    trained = options.work / "trained"
    finished = options.work / "trained.json"
    task = {"config": config, "base": str(options.base), "data": _hashes([*options.data, *options.train_only])}
    if trained.exists() and _holds(finished, {**task, "mean_of": mean_of}):
        print(f"{trained}: this very training was finished before; going on from there")
    else:
        base: Path | str = options.base
        made: list[Path] = []
        for number, changes in enumerate(config["rounds"], 1):
            folder, done = options.work / f"round-{number}", options.work / f"round-{number}.json"
            if folder.exists() and _holds(done, task):
                print(f"{folder}: this very round was finished before; going on from there")
            else:
                train(kept, base, {**config, **changes}, folder)
                write_json(done, task)
            base = folder
            made.append(folder)
        if mean_of > 1:
            average(made[-mean_of:], options.work / "mean")
            base = options.work / "mean"
        Wide.fit(kept, encoder_of(base, config["window"]), taxonomy).save(Path(base))
        shutil.rmtree(trained, ignore_errors=True)
        Path(base).rename(trained)
        write_json(finished, {**task, "mean_of": mean_of})

    parity = export(
        trained, sets, options.output,
        name=options.name, version=options.version, base=str(options.base), window=config["window"],
        data=_hashes([*options.data, *options.train_only, *options.validate, *options.unseen]), training={"config": {**config, "mean_of": mean_of}, "reviews": len(kept)},
        canaries=read_canaries(options.canaries),
    )  # fmt: skip
    print(f"int8 against float32: {parity}")
    reference = add_reference(options.output, [review for s in sets if s.real for review in s.reviews])
    print(f"reference for the gauge of drift: {reference.reviews} reviews")
    predictor = Predictor.load(options.output)
    report = evaluate(predictor, sets, kept)
    ceilings = {path.name: agreement(path, taxonomy) for path in options.validate}
    title = f"{options.name} {options.version}"
    write_report(report, options.work / "figures.json", taxonomy, title=title, extra={"annotators": ceilings})
    behaviour = behave(predictor, read_cases())
    add_figures(options.output, card(predictor.bundle.manifest, report, ceilings, behaviour, kept), measured(report, sets))
    print(markdown(report))
    for failed in Predictor.load(options.output).failed_canaries():
        print(failed)


def _holds(path: Path, task: dict[str, Any]) -> bool:
    return path.exists() and json.loads(path.read_text(encoding="utf-8")) == task


def _hashes(paths: list[Path]) -> dict[str, str]:
    return {file.name: file_sha256(file) for path in paths for file in files_of(path)}
