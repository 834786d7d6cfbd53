"""Claims of the paper on explainable AI from the shell: what one sees of a network that learns, and of its doubt."""

from collections.abc import Callable, Iterable, Mapping

import torch

from gcm.metric import mean_with_interval
from gcm.report.claim.base import CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE, SUPPORTED, Claim, Finding
from gcm.report.evidence import Evidence

LAB = "lab_cnn_mnist"
TEST_LOSS = 0.0362
BATCH_128, BATCH_10, FAST = "lab_batch128", "lab_batch10", "lab_lr001"
ITERATIONS = (1, 10, 50)
NOT_WATCHED = "no result; copy the evolution.csv and settled.csv of experiment=lab_evolution to gcm/zoo/results"
NOT_ASKED = "no result; copy the covered.csv and unlike.csv of task=uncertainty to gcm/zoo/results"
CONVOLUTIONS, MLP = "convolutions.", "mlp."
PLAIN = "lab_cnn"
MOST, SOME = 0.5, 5.0
"""The share of the images, in percent, from which on something holds in most of them, and in some."""
TOLD = 0.9
"""The AUROC from which on images count as told apart."""

ResultRow = Mapping[str, str]
RunAndIteration = tuple[str, int]
"""A run, and the iterations done."""


def test_loss(evidence: Evidence) -> Finding:
    losses = [test.loss for test in evidence.card(LAB).tests]
    found, low, _, seeds = mean_with_interval(torch.tensor(losses, dtype=torch.float64))
    measured = f"mean {found:.4f} of {seeds} seeds ({', '.join(f'{loss:.4f}' for loss in losses)})"
    if found <= TEST_LOSS:
        return measured, SUPPORTED
    return measured, CONTRADICTED if low > TEST_LOSS else INCONCLUSIVE


def rows_of(evidence: Evidence, run: str, iteration: int) -> dict[str, ResultRow]:
    """Return the rows by seed."""
    rows = [row for row in evidence.result("evolution") if (row["run"], row["iteration"]) == (run, str(iteration))]
    return {row["seed"]: row for row in sorted(rows, key=lambda row: int(row["seed"]))}


def sign(first: ResultRow, name: str, second: ResultRow, other: str) -> int:
    """Return 1 where column `name` of the first is larger than `other` of the second, -1: smaller, 0: intervals
    overlap.
    """
    if float(first[f"{name}_low"]) > float(second[f"{other}_high"]):
        return 1
    return -1 if float(first[f"{name}_high"]) < float(second[f"{other}_low"]) else 0


def judged(signs: Iterable[int]) -> str:
    """Judge the claim that all are 1."""
    found = set(signs)
    return SUPPORTED if found == {1} else CONTRADICTED if found == {-1} else INCONCLUSIVE


def all_larger(first: Mapping[str, ResultRow], second: Mapping[str, ResultRow], name: str) -> list[int]:
    """Return the `sign` of a column, seed by seed."""
    return [sign(first[seed], name, second[seed], name) for seed in first if seed in second]


def shares(rows: Mapping[str, ResultRow], name: str) -> str:
    return ", ".join(f"{float(row[name]):.1%}" for row in rows.values())


def more_and_more_are_right(evidence: Evidence) -> Finding:
    rows = {iteration: rows_of(evidence, BATCH_128, iteration) for iteration in (0, *ITERATIONS)}
    if not all(rows.values()):
        return NOT_WATCHED, NOT_TESTABLE
    measured = "; ".join(f"iteration {iteration}: {shares(found, 'accuracy')}" for iteration, found in rows.items())
    signs = all_larger(rows[10], rows[1], "accuracy") + all_larger(rows[50], rows[10], "accuracy")
    return f"accuracy of {len(rows[0])} seeds, {measured}", judged(signs)


def compared(first: RunAndIteration, second: RunAndIteration, name: str, column: str) -> Callable[[Evidence], Finding]:
    """Judge the claim that a column is larger in the first: a run after some iterations."""

    def measure(evidence: Evidence) -> Finding:
        more, less = (rows_of(evidence, *moment) for moment in (first, second))
        if not more or not less:
            return NOT_WATCHED, NOT_TESTABLE
        measured = "; ".join(
            f"{run} after {iteration} iterations: {shares(rows, column)}"
            for (run, iteration), rows in ((first, more), (second, less))
        )
        return f"{name}, {measured}", judged(all_larger(more, less, column.removesuffix("_mean")))

    return measure


def label_shows_more(evidence: Evidence) -> Finding:
    rows = [row for iteration in ITERATIONS for row in rows_of(evidence, BATCH_128, iteration).values()]
    if not rows:
        return NOT_WATCHED, NOT_TESTABLE
    measured = "; ".join(
        f"to iteration {row['iteration']}, seed {row['seed']}: label {float(row['moved_label_mean']):.2f}, predicted "
        f"{float(row['moved_predicted_mean']):.2f}"
        for row in rows
    )
    signs = (sign(row, "moved_label", row, "moved_predicted") for row in rows)
    return f"how far highlights move, 0 to 1: {measured}", judged(signs)


def convolutions_settle_first(evidence: Evidence) -> Finding:
    """Judge by the layers' weights; a layer's outputs also move because the layers before it do."""
    rows = [row for row in evidence.result("settled") if row["run"] == BATCH_128]
    if not rows:
        return NOT_WATCHED, NOT_TESTABLE
    signs, parts = [], []
    for seed in sorted({row["seed"] for row in rows}, key=int):
        of_seed = [row for row in rows if row["seed"] == seed]
        at = {row["layer"]: int(row["weights_settled_at"]) for row in of_seed}
        early = [step for layer, step in at.items() if layer.startswith(CONVOLUTIONS)]
        late = [step for layer, step in at.items() if layer.startswith(MLP)]
        signs.append(1 if max(early) < min(late) else -1 if min(early) > max(late) else 0)
        outputs = ", ".join(row["outputs_settled_at"] for row in of_seed)
        parts.append(f"seed {seed}: convolutions {early}, MLP {late} (outputs: {outputs})")
    measured = f"half of the way done after iterations, of {rows[0]['of_iterations']}, weights: {'; '.join(parts)}"
    return measured, judged(signs)


def covered_nine(evidence: Evidence) -> Finding:
    rows = [row for row in evidence.result("covered") if row["class"] == "9" and "passes" in row["asked"]]
    if not rows:
        return NOT_ASKED, NOT_TESTABLE
    measured = "; ".join(
        f"{row['network']}: 9 stays first in {float(row['stays']):.0%} of {row['images']} covered nines; possible "
        f"besides, in the share of them: {row['possible']}"
        for row in rows
    )
    return measured, judged(sign_of_nine(row) for row in rows)


def sign_of_nine(row: ResultRow) -> int:
    """Return 1 where 9 stays first in most images, and 4, 5 and 7 each are possible in some (5 %); -1: neither."""
    possible = {
        name: float(share.rstrip("%")) for name, share in (part.split() for part in row["possible"].split(", "))
    }
    named = [possible.get(name, 0.0) >= SOME for name in ("4", "5", "7")]
    if float(row["stays_low"]) > MOST and all(named):
        return 1
    return -1 if float(row["stays_high"]) < MOST and not any(named) else 0


def passes_on_unlike(evidence: Evidence) -> list[ResultRow]:
    """Return what passes make of each kind of unlike images, by entropy; letters that look like digits are none."""
    rows = [row for row in evidence.result("unlike") if row["score"] == "entropy" and "passes" in row["asked"]]
    return [row for row in rows if "like digits" not in row["unlike"]]


def unlike_images_are_told(evidence: Evidence) -> Finding:
    rows = passes_on_unlike(evidence)
    if not rows:
        return NOT_ASKED, NOT_TESTABLE
    measured = "; ".join(f"{row['network']}, {row['unlike']}: {float(row['auroc']):.3f}" for row in rows)
    signs = (1 if float(row["auroc_low"]) >= TOLD else -1 if float(row["auroc_high"]) < TOLD else 0 for row in rows)
    return f"AUROC by entropy ({TOLD} counts as told apart), {measured}", judged(signs)


def better_than_softmax(evidence: Evidence) -> Finding:
    rows = [row for row in evidence.result("unlike") if row["score"] == "entropy" and row["network"] == PLAIN]
    plain = {row["unlike"]: row for row in rows}
    pairs = [(row, plain[row["unlike"]]) for row in passes_on_unlike(evidence) if row["unlike"] in plain]
    if not pairs:
        return NOT_ASKED, NOT_TESTABLE
    measured = "; ".join(
        f"{row['network']}, {row['unlike']}: {float(row['auroc']):.3f} against {float(other['auroc']):.3f}"
        for row, other in pairs
    )
    return f"AUROC by entropy, {measured}", judged(sign(row, "auroc", other, "auroc") for row, other in pairs)


SHELL_LAB = (
    Claim("the lab's network has a test loss of 0.0362 or less", "shell lab, 4.2", (LAB,), test_loss),
    Claim("more images are right as training goes on", "shell lab, 4.6", (), more_and_more_are_right),
    Claim(
        "with batches of 10 an iteration teaches less than with 128",
        "shell lab, 4.6",
        (),
        compared((BATCH_128, 50), (BATCH_10, 50), "accuracy", "accuracy"),
    ),
    Claim(
        "with a learning rate of 0.01 the network learns fast",
        "shell lab, 4.6",
        (),
        compared((FAST, 10), (BATCH_128, 10), "accuracy", "accuracy"),
    ),
    Claim(
        "… but what it attends to drifts off the digit",
        "shell lab, 4.6",
        (),
        compared((FAST, 10), (FAST, 50), "share of the highlights on the digit", "on_object_predicted_mean"),
    ),
    Claim(
        "explaining the label shows more of the change than explaining the predicted class",
        "shell lab, 4.6",
        (),
        label_shows_more,
    ),
    Claim("the convolutions settle early, the MLP later", "shell lab, 4.6", (), convolutions_settle_first),
    Claim("for a covered 9 the 9 stays most probable; 4, 5 and 7 are possible", "shell lab, 2.1", (), covered_nine),
    Claim(
        "a network that knows its uncertainty tells images very unlike its training's",
        "shell lab, 2.1",
        (),
        unlike_images_are_told,
    ),
    Claim("… better than the softmax of a deterministic one", "shell lab, 2.1", (), better_than_softmax),
)
