"""The shell lab's claims: judged by the intervals of every seed."""

from types import SimpleNamespace

import pytest

from gcm.report.claim.base import CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE, SUPPORTED
from gcm.report.claim.shell_lab import (
    BATCH_10,
    BATCH_128,
    FAST,
    SHELL_LAB,
    better_than_softmax,
    compared,
    convolutions_settle_first,
    covered_nine,
    label_shows_more,
    more_and_more_are_right,
    unlike_images_are_told,
)
from gcm.report.claim.shell_lab import test_loss as loss_is_reached


def evidence_of(**results):
    return SimpleNamespace(result=lambda name: results.get(name, []))


def around(name, value, reach=0.01):
    return {name: str(value), f"{name}_low": str(value - reach), f"{name}_high": str(value + reach)}


def moment(run, seed, iteration, accuracy, label=0.5, predicted=0.2):
    moved = {f"moved_{what}_{part}": str(value + shift) for what, value in (("label", label), ("predicted", predicted))
             for part, shift in (("mean", 0), ("low", -0.01), ("high", 0.01))}  # fmt: skip
    return {"run": run, "seed": str(seed), "iteration": str(iteration), **around("accuracy", accuracy), **moved}


def watched(run, *accuracies, **moved):
    """Of two seeds, at iterations 0, 1, 10, 50."""
    return [
        moment(run, seed, step, accuracy, **moved)
        for seed in (0, 1)
        for step, accuracy in zip((0, 1, 10, 50), accuracies, strict=True)
    ]


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [((0.1, 0.1, 0.5, 0.9), SUPPORTED), ((0.9, 0.8, 0.7, 0.6), CONTRADICTED), ((0.1, 0.1, 0.5, 0.51), INCONCLUSIVE)],
)
def test_accuracy_grows(accuracies, expected):
    measured, found = more_and_more_are_right(evidence_of(evolution=watched(BATCH_128, *accuracies)))
    assert found == expected
    assert f"iteration 50: {accuracies[-1]:.1%}, {accuracies[-1]:.1%}" in measured


@pytest.mark.parametrize(("small", "expected"), [(0.5, SUPPORTED), (0.9, INCONCLUSIVE), (0.99, CONTRADICTED)])
def test_runs_are_compared_seed_by_seed(small, expected):
    rows = watched(BATCH_128, 0.1, 0.2, 0.5, 0.9) + watched(BATCH_10, 0.1, 0.2, 0.3, small)
    assert compared((BATCH_128, 50), (BATCH_10, 50), "accuracy", "accuracy")(evidence_of(evolution=rows))[1] == expected


def test_what_lies_on_the_digit_is_compared_within_a_run():
    rows = [{"run": FAST, "seed": "0", "iteration": str(step), **around("on_object_predicted", share), "on_object_predicted_mean": str(share)}
            for step, share in ((10, 0.3), (50, 0.2))]  # fmt: skip
    claim = next(tested for tested in SHELL_LAB if "drifts" in tested.claim)
    assert claim.measure(evidence_of(evolution=rows)) == (
        "share of the highlights on the digit, lab_lr001 after 10 iterations: 30.0%; lab_lr001 after 50 iterations: 20.0%",
        SUPPORTED,
    )


@pytest.mark.parametrize(("label", "expected"), [(0.5, SUPPORTED), (0.21, INCONCLUSIVE), (0.1, CONTRADICTED)])
def test_the_label_shows_more(label, expected):
    rows = watched(BATCH_128, 0.1, 0.2, 0.5, 0.9, label=label)
    assert label_shows_more(evidence_of(evolution=rows))[1] == expected


@pytest.mark.parametrize(("mlp", "expected"), [(90, SUPPORTED), (40, INCONCLUSIVE), (5, CONTRADICTED)])
def test_which_layers_settle_first(mlp, expected):
    steps = {"convolutions.0": 10, "convolutions.3": 60, "mlp.3": mlp, "mlp.6": mlp}
    rows = [
        {"run": BATCH_128, "seed": seed, "layer": layer, "weights_settled_at": str(step), "outputs_settled_at": "7", "of_iterations": 429}
        for seed in ("0", "1") for layer, step in steps.items()
    ]  # fmt: skip
    assert convolutions_settle_first(evidence_of(settled=rows))[1] == expected


@pytest.mark.parametrize(
    ("stays", "possible", "expected"),
    [
        (0.8, "4 30.0%, 8 20.0%, 7 20.0%, 0 12.0%, 5 9.0%", SUPPORTED),
        (0.8, "4 30.0%, 5 1.0%, 7 9.0%", INCONCLUSIVE),
        (0.52, "4 30.0%, 5 8.0%, 7 9.0%", INCONCLUSIVE),
        (0.2, "8 9.0%", CONTRADICTED),
    ],
)
def test_the_covered_nine(stays, possible, expected):
    row = {
        "class": "9",
        "network": "net",
        "asked": "50 passes",
        "images": "7",
        **around("stays", stays, 0.05),
        "possible": possible,
    }
    assert covered_nine(evidence_of(covered=[row, {**row, "class": "3"}]))[1] == expected


@pytest.mark.parametrize(("auroc", "expected"), [(0.95, SUPPORTED), (0.9, INCONCLUSIVE), (0.5, CONTRADICTED)])
def test_unlike_images(auroc, expected):
    row = {"unlike": "noise", "score": "entropy"}
    rows = [{**row, "network": "lab_cnn", "asked": "softmax, once", **around("auroc", 0.9)},
            {**row, "network": "net", "asked": "50 passes", **around("auroc", auroc)},
            {**row, "unlike": "letters like digits", "network": "net", "asked": "50 passes", **around("auroc", 0.7)}]  # fmt: skip
    assert better_than_softmax(evidence_of(unlike=rows))[1] == expected
    assert unlike_images_are_told(evidence_of(unlike=rows))[1] == expected


@pytest.mark.parametrize(
    ("losses", "expected"),
    [((0.03, 0.04), SUPPORTED), ((0.036, 0.04), INCONCLUSIVE), ((0.039, 0.0391, 0.0392), CONTRADICTED)],
)
def test_the_loss_is_the_mean_of_the_seeds(losses, expected):
    card = SimpleNamespace(tests=[SimpleNamespace(loss=loss) for loss in losses])
    assert loss_is_reached(SimpleNamespace(card=lambda _: card))[1] == expected


def test_without_results_nothing_is_judged():
    for tested in SHELL_LAB[1:]:
        measured, found = tested.measure(evidence_of())
        assert found == NOT_TESTABLE
        assert "no result; copy" in measured
