"""What to label next."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.predictor import Predictor
from training.dataset import read
from training.labelling import next as following
from training.labelling.choose import Pool, choose
from training.labelling.vectors import encoder_vectors, places

DATA = Path(__file__).parents[3] / "training" / "data" / "g1-01.rev"


def pool(scores: np.ndarray, found: list[int], places: np.ndarray | None = None) -> Pool:
    """Where no places are given, every review lies at a right angle to every other."""
    where = np.eye(len(scores)) if places is None else places
    return Pool(scores, np.full(scores.shape[1], 0.5), np.array(found), where, np.zeros((0, where.shape[1])))


def test_all_is_chosen_once_and_the_share_is_kept() -> None:
    chosen = choose(pool(np.random.default_rng(0).random((500, 6)), [9, 9, 9, 9, 1, 0]), 200, 0.2, seed=1)
    assert len({choice.row for choice in chosen}) == 200
    assert Counter(choice.reason for choice in chosen) == {"telling": 160, "random": 40}


def test_more_than_there_is_gives_all_there_is() -> None:
    chosen = choose(pool(np.random.default_rng(0).random((30, 6)), [1] * 6), 200, 0.1, seed=1)
    assert sorted(choice.row for choice in chosen) == list(range(30))


def test_the_most_doubtful_review_is_chosen_by_the_output_that_doubts() -> None:
    scores = np.array([[0.9, 0.1], [0.51, 0.1], [0.9, 0.48], [0.1, 0.9]])
    chosen = choose(pool(scores, [1, 1]), 2, 0, seed=0)
    assert {(choice.row, choice.column) for choice in chosen} == {(1, 0), (2, 1)}


def test_doubt_is_nearness_to_the_threshold_of_the_output() -> None:
    likely = pool(np.array([[0.5], [0.1]]), [1])
    assert [choice.row for choice in choose(replace(likely, thresholds=np.array([0.1])), 1, 0, seed=0)] == [1]


def test_of_equal_doubts_the_rarest_label_is_hunted() -> None:
    scores = np.full((50, 3), 0.01)
    scores[10, 0] = scores[33, 2] = 0.5
    [choice] = choose(pool(scores, [100, 100, 2]), 1, 0, seed=0)
    assert (choice.row, choice.column) == (33, 2)


def test_of_two_kinds_of_reviews_both_are_chosen() -> None:
    places = np.array([[1.0, 0]] * 39 + [[0, 1.0]])
    scores = np.full((40, 2), 0.5) - np.array([[0, 0]] * 39 + [[0.2, 0.2]])
    chosen = choose(pool(scores, [1, 1], places), 2, 0, seed=0)
    assert 39 in {choice.row for choice in chosen}
    there = replace(pool(scores, [1, 1], places), labelled=places[39:])
    assert 39 not in {choice.row for choice in choose(there, 2, 0, seed=0)}


def test_the_random_share_is_a_fair_draw() -> None:
    scores = np.random.default_rng(0).random((50, 4))
    drawn = Counter(
        choice.row
        for seed in range(400)
        for choice in choose(pool(scores, [1] * 4), 10, 0.2, seed=seed)
        if choice.reason == "random"
    )
    assert len(drawn) == 50
    assert max(drawn.values()) < 3 * 400 * 2 / 50


def test_the_encoder_puts_reviews_about_the_same_near_each_other(predictor: Predictor) -> None:
    reviews = [("Top jas, snel in huis.",), ("Vlotte levering en de juiste maat.",), ("Mijn gegevens liggen op straat.",)]
    vectors = encoder_vectors(predictor, reviews)
    where = places(vectors, vectors.mean(0))
    assert np.linalg.norm(where, axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert where[1] @ where[0] > where[2] @ where[0] + 0.5


def test_next_writes_tasks_of_what_is_not_labelled_yet(
    tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    reviews = read([DATA], predictor.taxonomy)[:60]
    lines = [{"id": str(n), "text": review.text} for n, review in enumerate(reviews)]
    (tmp_path / "raw.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = [{"sentences": [review.text], "labels": [["0"]]} for review in reviews[:20]]
    (tmp_path / "done.jsonl").write_text("".join(json.dumps(line) + "\n" for line in done))
    files = [str(tmp_path / name) for name in ("raw.jsonl", "done.jsonl", "tasks.json")]
    following.main([files[0], "--labelled", files[1], "-o", files[2], "--n", "20"])
    tasks = [task["data"] for task in json.loads((tmp_path / "tasks.json").read_text())]
    assert "20 of 40 reviews: 18 telling, 2 random" in capsys.readouterr().out
    assert {int(task["review_id"]) for task in tasks} <= set(range(20, 60))
    assert all(task["blind"] == (task["reason"] == "random") and not task["note"] for task in tasks)


def test_a_share_over_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        following.main(["x.jsonl", "-o", str(tmp_path / "y"), "--random", "1.1"])
