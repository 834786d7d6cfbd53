"""Training, against the recipe that most begin with, and against a loop that does nothing else."""

from collections.abc import Iterator, Sequence
from functools import partial

from gcm.benchmark.base import Comparison, Goal, at_least
from gcm.benchmark.own_training import OwnTraining
from gcm.benchmark.setting import Setting

GCM_CIFAR10 = ("experiment=gcm_cifar10",)
FAST = (*GCM_CIFAR10, "trainer.precision=bf16-mixed", "compile=true")
TINY_LENET = ("experiment=tiny_lenet_mnist",)
STEPS, WARM_UP = 30, 5
TINY_STEPS, TINY_WARM_UP = 1000, 100
WORKERS = 2
BARE = "a bare loop over one batch of noise: same network, optimizer, precision, compile"


def training(setting: Setting) -> Iterator[Comparison]:
    """Compare trainings as the settings of the experiment have it, and with all that makes it faster; images are
    augmented.
    """
    usual = f"Lightning, PIL transforms, DataLoader with {WORKERS} workers, float32, eager, AdamW"
    for words, usual_goal, bare_goal in ((GCM_CIFAR10, None, None), (FAST, at_least(1.8), at_least(0.9))):
        own = setting.training(words)
        yield Comparison(
            described(words, STEPS, own),
            usual,
            partial(own.seconds, WARM_UP, STEPS),
            partial(by_usual_recipe, own, WARM_UP, STEPS),
            usual_goal,
        )
        yield against_bare_loop(words, own, WARM_UP, STEPS, bare_goal)


def small_training(setting: Setting) -> Iterator[Comparison]:
    """Compare trainings whose steps take milliseconds, so that all that is not the network shows."""
    yield against_bare_loop(TINY_LENET, setting.training(TINY_LENET), TINY_WARM_UP, TINY_STEPS, at_least(0.6))


def against_bare_loop(
    words: Sequence[str], own: OwnTraining, warm_up: int, steps: int, goal: Goal | None
) -> Comparison:
    ours = partial(own.seconds, warm_up, steps)
    return Comparison(described(words, steps, own), BARE, ours, own.bare(warm_up, steps), goal)


def described(words: Sequence[str], steps: int, own: OwnTraining) -> str:
    return f"{' '.join(words)}, {steps:,} steps of {own.data.batch_size}"


def by_usual_recipe(own: OwnTraining, warm_up: int, steps: int) -> float:
    from gcm.benchmark.usual_recipe import usual_seconds

    return usual_seconds(own.new_network(), own.data.root, own.data.batch_size, WORKERS, warm_up, steps)
