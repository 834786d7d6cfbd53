"""Claims of the paper on explainable AI from the shell: what one sees of a network that learns, and of its doubt."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean

from gcm.report.claim.base import CONTRADICTED, INCONCLUSIVE, NOT_TESTABLE, SUPPORTED, Finding, Tested
from gcm.report.evidence import Evidence

LAB = "lab_cnn_mnist"
TEST_LOSS = 0.0362
BATCH_128, BATCH_10, FAST = "lab_batch128", "lab_batch10", "lab_lr001"
ITERATIONS = (1, 10, 50)
NOT_WATCHED = "no result; copy the evolution.csv and settled.csv of experiment=lab_evolution to gcm/zoo/results"
NOT_ASKED = "no result; copy the covered.csv and unlike.csv of task=uncertainty to gcm/zoo/results"
CONVOLUTIONS, MLP = "convolutions.", "mlp."

Row = Mapping[str, str]


def test_loss(evidence: Evidence) -> Finding:
    losses = [test.loss for test in evidence.card(LAB).tests]
    found = mean(losses)
    measured = f"mean {found:.4f} of {len(losses)} seeds ({', '.join(f'{loss:.4f}' for loss in losses)})"
    return measured, SUPPORTED if found <= TEST_LOSS else CONTRADICTED


def moments(evidence: Evidence, run: str, iteration: int) -> list[Row]:
    """One for each seed, in their order."""
    rows = [row for row in evidence.result("evolution") if (row["run"], row["iteration"]) == (run, str(iteration))]
    return sorted(rows, key=lambda row: int(row["seed"]))


def sign(first: Row, name: str, second: Row, other: str) -> int:
    """1: column `name` of the first is larger than `other` of the second, -1: smaller, 0: their intervals overlap."""
    if float(first[f"{name}_low"]) > float(second[f"{other}_high"]):
        return 1
    return -1 if float(first[f"{name}_high"]) < float(second[f"{other}_low"]) else 0


def judged(signs: Iterable[int]) -> str:
    """On the claim that all are 1."""
    found = set(signs)
    return SUPPORTED if found == {1} else CONTRADICTED if found == {-1} else INCONCLUSIVE


def all_larger(pairs: Sequence[tuple[Row, Row]], name: str) -> str:
    """On the claim that the first of each pair has more in a column."""
    return judged(sign(first, name, second, name) for first, second in pairs)


def shares(rows: Sequence[Row], name: str = "accuracy") -> str:
    return ", ".join(f"{float(row[name]):.1%}" for row in rows)


def more_and_more_are_right(evidence: Evidence) -> Finding:
    rows = {iteration: moments(evidence, BATCH_128, iteration) for iteration in (0, *ITERATIONS)}
    if not all(rows.values()):
        return NOT_WATCHED, NOT_TESTABLE
    measured = "; ".join(f"iteration {iteration}: {shares(found)}" for iteration, found in rows.items())
    pairs = [*zip(rows[10], rows[1], strict=True), *zip(rows[50], rows[10], strict=True)]
    return f"accuracy of {len(rows[0])} seeds, {measured}", all_larger(pairs, "accuracy")


def runs_compared(first: str, second: str, iteration: int, name: str, column: str) -> Callable[[Evidence], Finding]:
    """On the claim that a column is larger in the first run, at an iteration."""

    def measure(evidence: Evidence) -> Finding:
        found = {run: moments(evidence, run, iteration) for run in (first, second)}
        if not all(found.values()):
            return NOT_WATCHED, NOT_TESTABLE
        measured = "; ".join(f"{run}: {shares(rows, column)}" for run, rows in found.items())
        pairs = list(zip(found[first], found[second], strict=True))
        return f"{name} after {iteration} iterations, {measured}", all_larger(pairs, column.removesuffix("_mean"))

    return measure


def label_shows_more(evidence: Evidence) -> Finding:
    rows = [row for iteration in ITERATIONS for row in moments(evidence, BATCH_128, iteration)]
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
    rows = [row for row in evidence.result("settled") if row["run"] == BATCH_128]
    if not rows:
        return NOT_WATCHED, NOT_TESTABLE
    signs, parts = [], []
    for seed in sorted({row["seed"] for row in rows}, key=int):
        for what in ("weights", "outputs"):
            at = {row["layer"]: int(row[f"{what}_settled_at"]) for row in rows if row["seed"] == seed}
            early = [step for layer, step in at.items() if layer.startswith(CONVOLUTIONS)]
            late = [step for layer, step in at.items() if layer.startswith(MLP)]
            signs.append(1 if max(early) < min(late) else -1 if min(early) > max(late) else 0)
            parts.append(f"seed {seed}, {what}: convolutions {early}, MLP {late}")
    measured = f"half of the way done after iterations, of {rows[0]['of_iterations']}: {'; '.join(parts)}"
    return measured, judged(signs)


def covered_nine(evidence: Evidence) -> Finding:
    rows = [row for row in evidence.result("covered") if row["class"] == "9" and "passes" in row["asked"]]
    if not rows:
        return NOT_ASKED, NOT_TESTABLE
    measured = "; ".join(
        f"{row['network']}: 9 stays first in {float(row['stays']):.0%} of {row['images']} covered nines; possible "
        f"besides: {row['possible']}"
        for row in rows
    )
    stay = all(float(row["stays"]) > 0.5 for row in rows)
    named = all({"4", "5", "7"} <= {part.split()[0] for part in row["possible"].split(", ")[:4]} for row in rows)
    if stay and named:
        return measured, SUPPORTED
    return measured, INCONCLUSIVE if stay or named else CONTRADICTED


def unlike_images_are_told(evidence: Evidence) -> Finding:
    """By the entropy of the passes, against that of the plain network's softmax."""
    rows = [row for row in evidence.result("unlike") if row["score"] == "entropy"]
    plain = {row["unlike"]: row for row in rows if row["network"] == "lab_cnn"}
    passes = [row for row in rows if "passes" in row["asked"] and row["unlike"] in plain]
    if not passes:
        return NOT_ASKED, NOT_TESTABLE
    pairs = [(row, plain[row["unlike"]]) for row in passes]
    measured = "; ".join(
        f"{row['network']}, {row['unlike']}: {float(row['auroc']):.3f} against {float(other['auroc']):.3f}"
        for row, other in pairs
    )
    return f"AUROC by entropy, passes against a plain softmax, {measured}", all_larger(pairs, "auroc")


SHELL_LAB = (
    Tested("the lab's network has a test loss of 0.0362 or less", "shell lab, 4.2", (LAB,), test_loss),
    Tested("more images are right as training goes on", "shell lab, 4.6", (), more_and_more_are_right),
    Tested(
        "with batches of 10 an iteration teaches less than with 128",
        "shell lab, 4.6",
        (),
        runs_compared(BATCH_128, BATCH_10, 50, "accuracy", "accuracy"),
    ),
    Tested(
        "with a learning rate of 0.01 the network learns fast",
        "shell lab, 4.6",
        (),
        runs_compared(FAST, BATCH_128, 10, "accuracy", "accuracy"),
    ),
    Tested(
        "… but what it attends to drifts off the digit",
        "shell lab, 4.6",
        (),
        runs_compared(BATCH_128, FAST, 50, "share of the highlights on the digit", "on_object_predicted_mean"),
    ),
    Tested("explaining the label shows more of the change than explaining the predicted class", "shell lab, 4.6", (),
           label_shows_more),
    Tested("the convolutions settle early, the MLP later", "shell lab, 4.6", (), convolutions_settle_first),
    Tested("for a covered 9 the 9 stays most probable; 4, 5 and 7 are possible", "shell lab, 2.1", (), covered_nine),
    Tested("a network that knows its uncertainty tells images unlike its training's", "shell lab, 2.1", (),
           unlike_images_are_told),
)  # fmt: skip
