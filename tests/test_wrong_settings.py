"""Every setting of every config refuses what its type forbids, and takes what it allows.

What is tried is made from the composed configs and from constructors' signatures, so new settings are tried without a
word here. What a type allows is decided by `allows`, which shares nothing with the program's own check.
"""

import inspect
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning import Trainer
from sample import ROOT

from gcm.cli.declaration import readers_of
from gcm.cli.settings import GIVEN_BY_US, CheckpointSettings, Settings, check_config
from gcm.error import InputError
from gcm.instantiate import resolve
from gcm.types import OF_LIBRARIES

GROUPS = ("data", "model", "optimizer", "schedule", "metric", "visualizer", "rendering", "task", "trainer")
NESTED = ("visualizer", "rendering", "metric")
SOME = [
    "task=train", "task=noise_mask", "data=planted", "data=image_folder", "model=gcm", "model=bayesian_cnn", "optimizer=muon",
    "optimizer=sgd", "schedule=one_cycle", "visualizer=all", "rendering=all", "metric=all",
    "trainer=default",
]  # fmt: skip
"""Choices that are tried each time; the slow tests try all."""
FEW = 40
"""Examples of each kind, unless `--trials` says otherwise."""

HOSTILE = [
    None, True, False, 0, 1, -1, 2, 7, -0.0, 0.5, 1.5, -3.25, 1e-300, 1e308, math.nan, math.inf, -math.inf, 10**30, -(10**30),
    "", "none", "null", "1", "0.5", "auto", "größer", "灰色", "\N{RIGHT-TO-LEFT OVERRIDE}txt", "a" * 1000, "../..",
    [], [1], [0], [1, "a"], [None], [[1]], [1, 2, 3], ["inverted"], [-1, 1], [1.5], {}, {"a": 1}, {"_target_": "os.system"},
]  # fmt: skip


def trials(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--trials") or FEW


@cache
def composed(*words: str) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        config = compose("train", list(words), return_hydra_config=True)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        config.names = {group: choices[group] for group in ("task", "data", "model")}
        config.pop("hydra")
    return config


def read(choice: str) -> DictConfig:
    """The config with a choice, of a task that reads it."""
    group = choice.split("=")[0]
    return composed(choice) if group == "task" else composed(choice, f"task={readers_of(group)[0]}")


@dataclass(frozen=True)
class Leaf:
    """A setting: the choice that brings it, its key, and its type."""

    choice: str
    key: str
    kind: Any

    def changed(self, value: Any) -> DictConfig:
        config = read(self.choice).copy()
        OmegaConf.update(config, self.key, value, merge=False, force_add=True)
        return config


def choices(every: bool) -> list[str]:
    """Of all groups; one that brings another's parts is no more than it."""
    if not every:
        return SOME
    return [f"{group}={path.stem}" for group in GROUPS for path in sorted((ROOT / "configs" / group).glob("*.yaml"))]


@cache
def settings_there_are(every: bool = False) -> list[Leaf]:
    found = [Leaf(SOME[0], name, kind) for name, kind in hints(Settings).items()]
    found += [Leaf(SOME[0], f"checkpoint.{name}", kind) for name, kind in hints(CheckpointSettings).items()]
    for choice in choices(every):
        group = choice.split("=")[0]
        section = read(choice)[group]
        parts = {f"{group}.{name}": part for name, part in section.items()} if group in NESTED else {group: section}
        for key, part in parts.items():
            found += [Leaf(choice, f"{key}.{name}", kind) for name, kind in parameters(part, key).items()]
    return list({(leaf.key, str(leaf.kind)): leaf for leaf in found}.values())


def parameters(part: DictConfig, key: str) -> dict[str, Any]:
    """The parameters that a config may give, with their types."""
    group = key.split(".")[0]
    target = Trainer if group == "trainer" else resolve(part, key)
    own = OF_LIBRARIES.get(group, {})
    names = list(inspect.signature(target).parameters)[GIVEN_BY_US.get(group, 1 if group == "task" else 0) :]
    if group in OF_LIBRARIES:
        names = [name for name in names if name in part]
    return {name: kind for name, kind in (hints(target) | own).items() if name in names}


def hints(target: Any) -> dict[str, Any]:
    call = target.__init__ if inspect.isclass(target) else target
    return {name: kind for name, kind in typing.get_type_hints(call, include_extras=True).items() if name != "return"}


def allows(kind: Any, value: Any) -> bool:
    """Whether a setting of this type may have this value."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin is Annotated:
        return allows(inner[0], value) and all(within(bound, value) for bound in inner[1:])
    if origin in (Union, types.UnionType):
        return any(allows(one, value) for one in inner)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(allows(inner[0], item) for item in value)
    if origin is tuple:
        many = inner[1:] == (...,)
        kinds = [inner[0]] * len(value) if many and isinstance(value, list) else inner
        return isinstance(value, list) and len(kinds) == len(value) and all(map(allows, kinds, value))
    if origin in (dict, Mapping):
        return isinstance(value, dict)
    if kind in (None, type(None)):
        return value is None
    if kind is float:
        return type(value) in (int, float) and abs(value) < 1.7e308
    if is_dataclass(kind):
        return (
            isinstance(value, dict) and set(value) == set(hints(kind)) and all(map(allows, hints(kind).values(), value))
        )
    return type(value) is kind


def within(bound: Any, value: Any) -> bool:
    match bound:
        case annotated_types.Ge(least):
            return value >= least
        case annotated_types.Gt(least):
            return value > least
        case annotated_types.Le(most):
            return value <= most
        case annotated_types.Lt(most):
            return value < most
        case annotated_types.MinLen(least):
            return len(value) >= least
    raise AssertionError(f"a bound that this test does not know: {bound}")


def some_value() -> st.SearchStrategy[Any]:
    plain = st.sampled_from(HOSTILE) | st.integers() | st.floats() | st.text(max_size=20) | st.booleans() | st.none()
    return plain | st.lists(plain, max_size=4) | st.dictionaries(st.text(max_size=5), plain, max_size=2)


def deterministic(request: pytest.FixtureRequest) -> settings:
    return settings(
        max_examples=trials(request),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


EVERY = [pytest.param(False, id="some"), pytest.param(True, id="all", marks=pytest.mark.slow)]


@pytest.mark.parametrize("every", EVERY)
def test_a_forbidden_value_is_refused_by_name(request, every):
    refused = set()

    @deterministic(request)
    @given(st.sampled_from(settings_there_are(every)), some_value())
    def check(leaf, value):
        assume(not allows(leaf.kind, value))
        with pytest.raises(InputError) as caught:
            check_config(leaf.changed(value))
        message = str(caught.value)
        assert leaf.key in message, (leaf, value)
        assert "must" in message
        assert "\n" not in message
        assert len(message) < 2000
        refused.add(leaf.key)

    check()
    assert len(refused) > trials(request) / 5


@pytest.mark.parametrize("every", EVERY)
def test_every_setting_refuses_something(every):
    """Each of them once, so that none is left out by chance."""
    for leaf in settings_there_are(every)[:: 1 if every else 4]:
        wrong = [value for value in HOSTILE if not allows(leaf.kind, value)]
        assert wrong, f"{leaf.key} takes anything: {leaf.kind}"
        with pytest.raises(InputError, match=leaf.key.rpartition(".")[2]):
            check_config(leaf.changed(wrong[len(leaf.key) % len(wrong)]))


def edges(bound: Any) -> list[float]:
    return [edge for name in ("ge", "gt", "le", "lt") if (edge := getattr(bound, name, None)) is not None]


def limits(kind: Any) -> Iterator[Any]:
    """Values at the edges of a type."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        candidates = [edge + step for bound in inner[1:] for edge in edges(bound) for step in (-1, -1e-9, 0, 1e-9, 1)]
        whole = [int(value) for value in candidates if value == int(value)]
        yield from (value for value in [*candidates, *whole, *limits(inner[0])] if allows(kind, value))
    elif origin in (Union, types.UnionType):
        for one in inner:
            yield from limits(one)
    elif origin is Literal:
        yield from inner
    elif kind in (None, type(None)):
        yield None
    elif kind is bool:
        yield from (True, False)


@pytest.mark.parametrize("every", EVERY)
def test_values_at_the_limits_of_a_type_are_no_mistake(every):
    """They may not go with other settings, but their own type must take them."""
    from gcm.instantiate import check_type

    tried = 0
    for leaf in settings_there_are(every):
        for value in limits(leaf.kind):
            check_type(leaf.kind, value, leaf.key)
            tried += 1
    assert tried > 300


@pytest.mark.parametrize("every", EVERY)
def test_every_choice_passes_as_it_is(every):
    for choice in choices(every):
        check_config(read(choice))


def test_a_misspelt_setting_is_refused_with_the_nearest(request):
    @deterministic(request)
    @given(st.sampled_from(settings_there_are()), st.randoms(use_true_random=False))
    def check(leaf, random):
        head, _, name = leaf.key.rpartition(".")
        assume(head and len(name) > 3)
        place = random.randrange(len(name) - 1)
        swapped = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
        assume(swapped != name)
        with pytest.raises(
            InputError, match=rf"unknown setting {head}.{swapped}; did you mean .*Allowed here: .*{name}"
        ):
            check_config(Leaf(leaf.choice, f"{head}.{swapped}", Any).changed(1))

    check()


TOGETHER = {
    "an endless training": (["trainer.max_steps=0"], r"trainer.max_epochs must be 1 or more, or null with trainer.max_steps 1"),
    "no length at all": (["trainer.max_epochs=null", "trainer.max_steps=0"], r"trainer.max_epochs must be 1 or more, or null"),
    "half precision on a CPU": (["trainer.precision=16-mixed", "trainer.accelerator=cpu"], r"trainer.precision=16-mixed needs a GPU.*allowed there: bf16-mixed"),
    "a strategy that is none": (["trainer.strategy=fast"], r"trainer.strategy: must be 'auto', 'ddp'.*; got 'fast'"),
    "what the program sets": (["+trainer.limit_test_batches=2"], r"trainer.limit_test_batches is set by the program itself"),
    "no batches": (["+trainer.limit_train_batches=0"], r"trainer.limit_train_batches: must be .*; got 0"),
    "clipping that turns gradients": (["+trainer.gradient_clip_val=-1"], r"trainer.gradient_clip_val: must be .*; got -1"),
    "a backbone of another model": (["+model.backbone=resnet18"], r"unknown setting model.backbone.*Allowed here: "),
    "a backbone that is none": (["model=gcm_backbone", "model.backbone=resnet"], r"model.backbone must be a classifier of torchvision, got 'resnet'"),
    "a transformer as backbone": (["model=gcm_backbone", "model.backbone=vit_b_16"], r"vit_b_16 cannot be a backbone"),
    "no widths for a backbone": (["model=gcm_backbone", "model.widths=[]"], r"model.widths: must have 1 items or more; got \[\]"),
    "rules that do not conserve": (["visualizer=lrp", "visualizer.lrp.alpha=3"], r"alpha.*beta"),
    "shapes that find no place": (["data=planted", "data.copies=9"], r"copies \+ rivals \+ distractors must be at most 9"),
    "two ways to be fast": (["optimizer=adam", "+optimizer.fused=true", "+optimizer.foreach=true"], r"optimizer: .*fused.*foreach"),
    "acceleration without momentum": (["optimizer=sgd", "optimizer.momentum=0"], r"optimizer: Nesterov momentum"),
    "an environment variable": (["data.root='${oc.env:HOME}/data'"], r"data.root must hold no .*let the shell fill in others"),
    "a resolver": (["claim={accuracy:0.9,source:'${oc.decode:1}'}"], r"claim.source must hold no"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "message"), TOGETHER.values(), ids=TOGETHER)
def test_what_does_not_go_together_is_refused_before_any_data_are_read(words, message):
    with pytest.raises(InputError, match=message):
        check_config(composed(f"task={'all' if 'visualizer' in words[0] else 'train'}", *words))


COMMANDS = {
    "compiled evaluation": (["task=test", "weights=gcm_digits", "compile=true"], r"task=test does not use compile=; leave it out, or choose one of task=train, all"),
    "a learning rate for no training": (["task=explain", "weights=gcm_digits", "optimizer.lr=1"], r"task=explain does not use optimizer.lr="),
    "epochs for no training": (["task=verify", "trainer.max_epochs=3"], r"task=verify does not use trainer.max_epochs="),
    "another model than the named one": (["task=test", "weights=gcm_digits", "model=cnn"], r"task=test does not use model="),
    "measures for a training": (["task=train", "metric=all"], r"task=train does not use metric=.*faithfulness"),
    "a visualizer that fits no network": (["task=explain", "weights=cnn_digits", "visualizer=gcm"], r"none of the visualizers gcm fits cnn_digits"),
    "two starting points": (["task=train", "resume=a", "weights=b"], r"task=train does not use weights="),
    "not a number": (["optimizer.lr=nan"], r"optimizer.lr: must be a finite number; got nan"),
    "beyond all numbers": (["label_smoothing=-inf"], r"label_smoothing: must be a finite number; got -inf"),
    "a number of a thousand digits": (["data.batch_size=1" + "0" * 1000], r"data.batch_size: must be less than or equal to 2147483647; got 1000+…$"),
    "a number of ten thousand digits": (["data.batch_size=1" + "0" * 10_000], r"a number has more digits than can be read"),
    "other writing": (["data.batch_size=十"], r"""'data.batch_size=十' cannot be read; such a value needs quotes of its own: 'data.batch_size="十"'$"""),
    "a visualizer from elsewhere": (["visualizer.gcm._target_=os.system"], r"visualizer.gcm._target_ must lie in gcm.visualizer; got os.system"),
    "a section as a number": (["model=gcm", "~model.widths", "+model.widths={a:1}"], r"model.widths: must be"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "message"), COMMANDS.values(), ids=COMMANDS)
def test_commands_that_are_refused_write_nothing(train_py, tmp_path, words, message):
    assert re.search(message, train_py(*words).error)
    assert list(tmp_path.iterdir()) == []
