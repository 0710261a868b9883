from model.predictor import Predictor
from service.drift import BLOCK, Drift


def test_other_reviews_are_seen_to_be_other_and_the_same_ones_are_not(predictor: Predictor) -> None:
    glad, cross = predictor.predict(
        ["Top, vriendelijk geholpen!", "Weer een uur in de wacht. Niemand neemt op, en de doos was stuk."]
    )
    drift = Drift()
    told = [drift.add(result) for result in [glad] * BLOCK * 2 + [cross] * BLOCK]
    same, other = [found for found in told if found is not None]
    assert (same.labels, same.length) == (0, 0)
    assert (other.labels, other.length) == (1, 1)
