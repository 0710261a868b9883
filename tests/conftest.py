"""What tests share: the bundle that ships, opened once."""

import pytest

from model.predictor import Predictor


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor.load()
