"""What to label next."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from model.predictor import Predictor
from training.dataset import read
from training.labelling import next as following
from training.labelling.choose import Pool, Shares, choose

DATA = Path(__file__).parents[3] / "training" / "data" / "g1-01.rev"


def pool(scores: np.ndarray, found: list[int]) -> Pool:
    return Pool(scores, np.full(scores.shape[1], 0.5), np.array(found), following.places(scores), np.zeros((0, scores.shape[1])))


def test_all_is_chosen_once_and_the_shares_are_kept() -> None:
    chosen = choose(pool(np.random.default_rng(0).random((500, 6)), [9, 9, 9, 9, 1, 0]), 200, Shares(0.35, 0.25, 0.2), seed=1)
    assert len({choice.row for choice in chosen}) == 200
    assert Counter(choice.reason for choice in chosen) == {"uncertain": 70, "rare": 50, "different": 40, "random": 40}


def test_more_than_there_is_gives_all_there_is() -> None:
    chosen = choose(pool(np.random.default_rng(0).random((30, 6)), [1] * 6), 200, Shares(), seed=1)
    assert sorted(choice.row for choice in chosen) == list(range(30))


def test_every_output_asks_for_what_it_is_unsure_of() -> None:
    scores = np.array([[0.9, 0.1], [0.51, 0.1], [0.9, 0.48], [0.1, 0.9]])
    chosen = choose(pool(scores, [1, 1]), 2, Shares(1, 0, 0), seed=0)
    assert {(choice.row, choice.column) for choice in chosen} == {(1, 0), (2, 1)}


def test_the_rarest_output_gets_the_review_that_scores_it_highest() -> None:
    scores = np.full((50, 3), 0.2)
    scores[33, 2] = 0.4
    [choice] = choose(pool(scores, [100, 100, 2]), 1, Shares(0, 1, 0), seed=0)
    assert (choice.row, choice.column) == (33, 2)


def test_of_two_kinds_of_reviews_both_are_chosen() -> None:
    scores = np.full((40, 2), 0.001) + np.array([[0.9, 0]] * 39 + [[0, 0.9]])
    chosen = choose(pool(scores, [1, 1]), 2, Shares(0, 0, 1), seed=0)
    assert 39 in {choice.row for choice in chosen}


def test_the_random_share_is_a_fair_draw() -> None:
    scores = np.random.default_rng(0).random((50, 4))
    drawn = Counter(
        choice.row
        for seed in range(400)
        for choice in choose(pool(scores, [1] * 4), 10, Shares(), seed=seed)
        if choice.reason == "random"
    )
    assert len(drawn) == 50
    assert max(drawn.values()) < 3 * 400 * 2 / 50


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
    assert "20 of 40 reviews: 7 uncertain, 5 rare, 4 different, 4 random" in capsys.readouterr().out
    assert {int(task["review_id"]) for task in tasks} <= set(range(20, 60))
    assert all(task["blind"] == (task["reason"] == "random") and not task["note"] for task in tasks)


def test_shares_over_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        following.main(["x.jsonl", "-o", str(tmp_path / "y"), "--uncertain", "0.9", "--rare", "0.9"])
