"""Table 4."""

import dataclasses

import numpy as np
import pytest

import zoo
from zoo.training import attacks
from zoo.training.reproduction import irm
from zoo.training.reproduction.exhibit import verdict
from zoo.training.reproduction.irm import evaluation_cache


@pytest.mark.large
def test_table_4(reproduce, settings, tmp_path):
    """Rows without weights are named so; scores are equation 5."""
    page, exhibits = reproduce("tab4")
    rows = exhibits["tab4"].rows
    assert ["not published" in row[2] for row in rows] == [
        *(False, True, True, False, False, True)
    ]
    assert "JPEG helps (FGSM): not measured." in page
    assert (tmp_path / "out" / "tab4.png").read_bytes()[:4] == b"\x89PNG"

    undefended, *_, pyramid, defended, _ = exhibits["tab4"].data["rows"]
    assert defended["preset"] == "irm_wrn16_2"
    measured = defended["measured"]
    assert (measured["images"], measured["draws"]) == (16, 2)
    (standard,) = measured["standard"]
    assert (standard["images"], standard["attack_draws"]) == (2, 2)
    assert standard["threat"] == {"norm": "linf", "eps": 0.1}
    assert standard["robust"]["mean"] <= standard["clean"]

    images, labels = next(iter(evaluation_cache.datasets.load("").batch(16)))
    model = zoo.load("wrn16_2")
    adversarial = attacks.fgsm(eps=0.1)(model, images, labels).numpy()
    right = model.predict(adversarial, verbose=0).argmax(1) == labels.numpy()
    moved = 255 * np.abs(adversarial - images.numpy())[..., 0]
    expected = (moved.mean((1, 2)) * right).mean()
    found = undefended["measured"]["score"]
    assert found == pytest.approx(expected, rel=1e-5)

    # The same images count on the others, not FGSM on those themselves.
    logits = zoo.load("spp_ddn_wrn16_2").predict(adversarial, verbose=0)
    expected = (logits.argmax(1) == labels.numpy()).mean()
    assert pyramid["measured"]["fgsm"] == pytest.approx(expected)
    values = (pyramid["measured"]["fgsm"], defended["measured"]["fgsm"])
    assert verdict("JPEG helps many scales (FGSM)", *values, images=16) in page

    # A folder of measurements is of one kind.
    other = dataclasses.replace(settings, eps=0.2)
    with pytest.raises(ValueError, match="resume must be a new folder"):
        irm.reproduce(other, tmp_path / "out", only=["tab4"])
