import shutil
from pathlib import Path

from model.bundle import DEFAULT_BUNDLE, Bundle
from model.predictor import Predictor
from model.reference import Reference
from training import reference


def test_a_reference_counts_what_the_bundle_finds_and_the_bundle_stays_whole(tmp_path: Path, predictor: Predictor) -> None:
    bundle = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    texts = ["Weer een uur in de wacht.", "Top, vriendelijk geholpen!", "Weer een uur in de wacht."]
    (tmp_path / "mine.csv").write_text("text;labels\n" + "".join(f"{text};\n" for text in texts))
    reference.main([str(bundle), "--data", str(tmp_path / "mine.csv")])
    made = Bundle.open(bundle)
    made.verify()
    found = Reference.load(made)
    assert found == Reference.of(predictor.predict(texts))
    assert found.labels["negative"] == 2
    assert "wacht" not in (bundle / "reference.json").read_text()
