"""Results that came with the program were measured on the weights that come with it."""

import csv

import pytest
from sample import ROOT

from gcm.zoo import cards


@pytest.mark.parametrize(
    "path", sorted((ROOT / "gcm/zoo/results").glob("faithfulness_*.csv")), ids=lambda path: path.stem
)
def test_measured_faithfulness_is_that_of_the_shipped_weights(path):
    with path.open() as lines:
        (named,) = {row["weights"] for row in csv.DictReader(lines)}
    first_seeds = [name for name in named.split(", ") if "_seed0_" in name]
    assert first_seeds
    for name in first_seeds:
        network, _, digits = name.partition("_seed0_")
        assert cards()[network].weights_sha256.startswith(digits)


@pytest.mark.parametrize("name", ["calibration", "covered", "unlike"])
def test_measured_uncertainty_is_that_of_the_shipped_weights(name):
    with (ROOT / f"gcm/zoo/results/{name}.csv").open() as lines:
        measured = {(row["network"], row["weights_sha256"]) for row in csv.DictReader(lines)}
    networks = ("lab_cnn", "mc_dropout_cnn", "bayesian_cnn")
    assert measured == {(network, cards()[f"{network}_mnist"].weights_sha256) for network in networks}
