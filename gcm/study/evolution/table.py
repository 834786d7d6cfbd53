"""A training's evolution is written from what was seen: to CSV, Markdown, and rows for the screen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gcm.atomic_write import markdown_table, write_csv, write_text
from gcm.metric import Mean
from gcm.study.evolution.numbers import Moment
from gcm.study.layer_convergence.numbers import LayerConvergence, converged_at

EVOLUTION_MEANING = (
    "on object: share of the highlights that lies on the object's pixels, where images are grey, taking bright "
    "pixels for the object; moved: how far the highlights went since the row above, 0: not at all, 1: elsewhere. Each "
    "for the class that the network names (predicted) and for the right one (label): the mean "
    "over the images that have any highlight."
)

SPREAD = "With half of its 95 % interval, and the number of images."

SETTLED = (
    "settled at: the iteration from which on a layer's weights (its outputs for the same images) are nearer to where "
    "they end than half of the whole way."
)


def csv_rows(moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """Return the numbers as they are, with their intervals."""
    return [
        {
            "run": moment.run,
            "seed": moment.seed,
            "command": moment.command,
            "iteration": moment.iteration,
            "accuracy": moment.accuracy,
            "accuracy_low": moment.low,
            "accuracy_high": moment.high,
            "test_images": moment.tested,
            **mean_columns("on_object", moment.on_object),
            **mean_columns("moved", moment.moved),
        }
        for moment in moments
    ]


def mean_columns(name: str, measured: dict[Any, Mean] | None) -> dict[str, float]:
    return {
        f"{name}_{explained}_{field}": value
        for explained, values in (measured or {}).items()
        for field, value in values._asdict().items()
    }


def table_rows(moments: Sequence[Moment]) -> list[dict[str, str]]:
    return [
        {
            "run": moment.run,
            "iteration": str(moment.iteration),
            "accuracy": f"{moment.accuracy:.2%}",
            **means_with_spread("on object", moment.on_object),
            **means_with_spread("moved", moment.moved),
        }
        for moment in moments
    ]


def means_with_spread(name: str, measured: dict[Any, Mean] | None) -> dict[str, str]:
    return {
        f"{name}, {explained}": f"{values.mean:.3f} ± {values.high - values.mean:.3f}, n = {values.n:,}"
        for explained, values in (measured or {}).items()
    }


def narrow_tables(moments: Sequence[Moment]) -> dict[str, list[dict[str, str]]]:
    """Return the rows of each run, by its name, in a table narrow enough for a small terminal; intervals are in the
    files.
    """
    return {
        run: [
            {
                "iteration": str(moment.iteration),
                "accuracy": f"{moment.accuracy:.2%}",
                **means("on object", moment.on_object),
                **means("moved", moment.moved),
            }
            for moment in moments
            if moment.run == run
        ]
        for run in dict.fromkeys(moment.run for moment in moments)
    }


def means(name: str, measured: dict[Any, Mean] | None) -> dict[str, str]:
    return {f"{name}, {explained}": f"{values.mean:.3f}" for explained, values in (measured or {}).items()}


def convergence_rows(run: str, seed: int, states: Sequence[LayerConvergence]) -> list[dict[str, Any]]:
    """Return for each layer the iterations from which on its weights, and its outputs, had half of their way behind
    them.
    """
    return [
        {
            "run": run,
            "seed": seed,
            "layer": layer,
            "weights_settled_at": converged_at(states, layer, "weights"),
            "outputs_settled_at": converged_at(states, layer, "outputs"),
            "of_iterations": states[-1].step,
        }
        for layer in dict.fromkeys(state.layer for state in states)
    ]


def write_evolution(
    moments: Sequence[Moment], convergence: Mapping[str, Sequence[LayerConvergence]], directory: Path
) -> None:
    """Write `evolution.csv` and `.md`, a row for each run and iteration, and the layers' tables.

    `layers.csv` has a row for each layer and step, `settled.csv` one for each layer.
    """
    seeds = {moment.run: moment.seed for moment in moments}
    halves = [row for run, states in convergence.items() for row in convergence_rows(run, seeds[run], states)]
    write_csv(directory / "evolution.csv", csv_rows(moments))
    write_csv(
        directory / "layers.csv", [{"run": run, **asdict(state)} for run in convergence for state in convergence[run]]
    )
    write_csv(directory / "settled.csv", halves)
    tables = {f"{EVOLUTION_MEANING} {SPREAD}": table_rows(moments), SETTLED: halves}
    parts = [f"{meaning}\n\n{markdown_table(rows)}" for meaning, rows in tables.items()]
    write_text(directory / "evolution.md", "\n".join(["# Evolution\n", *parts]))
