import shutil
from pathlib import Path

import pytest

from model.bundle import DEFAULT_BUNDLE, REFERENCE, Bundle
from model.errors import BundleError
from model.predictor import Predictor
from model.reference import Reference
from model.score import Result
from service.drift import BLOCK, Drift
from service.metrics import Metrics


@pytest.fixture(scope="module")
def results(predictor: Predictor) -> list[Result]:
    """Of a glad review, and of a cross and longer one."""
    return predictor.predict(["Top, vriendelijk geholpen!", "Weer een uur in de wacht. Niemand neemt op, en de doos was stuk."])


def test_other_reviews_are_seen_to_be_other_and_the_same_ones_are_not(results: list[Result]) -> None:
    glad, cross = results
    drift = Drift(Reference.of([glad] * 10))
    assert drift.add([glad] * (BLOCK - 1)) is None
    same, other = drift.add([glad]), drift.add([cross] * BLOCK)
    assert same is not None
    assert other is not None
    assert (same.labels, same.length) == (0, 0)
    assert (other.labels, other.length) == (1, 1)


def test_the_gauge_says_whether_it_has_the_reference_of_the_bundle(results: list[Result], predictor: Predictor) -> None:
    glad, cross = results
    metrics = Metrics()
    for reference, against in ((Reference.of([glad]), "bundle"), (None, "first_reviews")):
        metrics.serves(predictor, reference)
        if reference is None:
            metrics.results([glad] * BLOCK)
        assert list(metrics.drift.collect())[0].samples == []  # noqa: RUF015
        metrics.results([cross] * BLOCK)
        [family] = metrics.drift.collect()
        told = [(sample.labels["what"], sample.labels["against"], sample.value) for sample in family.samples]
        assert sorted(told) == [("labels", against, 1), ("length", against, 1)]


def test_the_bundle_that_ships_has_a_reference_and_one_without_still_opens(tmp_path: Path) -> None:
    bundle = Bundle.open(DEFAULT_BUNDLE)
    found = Reference.load(bundle)
    assert found is not None
    assert found.reviews > 100
    assert set(found.labels) <= set(Predictor.load().taxonomy.output_names)
    copy = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    text = (copy / "manifest.json").read_text()
    entry = next(line for line in text.splitlines() if REFERENCE in line)
    (copy / "manifest.json").write_text(text.replace(entry + "\n", ""))
    (copy / REFERENCE).unlink()
    assert Reference.load(Bundle.open(copy)) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"reviews": 2, "labels": {}, "lengths": [1]}'])
def test_a_broken_reference_is_refused(tmp_path: Path, text: str) -> None:
    copy = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    (copy / REFERENCE).write_text(text)
    with pytest.raises(BundleError, match="reference"):
        Reference.load(Bundle.open(copy))
