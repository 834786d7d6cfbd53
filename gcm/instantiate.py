"""A config becomes an object: the constructor's signature is the schema."""

import difflib
import importlib
import inspect
import json
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from gcm.error import InputError, listed, shortened
from gcm.synonym import SYNONYMS
from gcm.types import OF_LIBRARIES

HOMES = {
    "data": ("gcm.data",),
    "model": ("gcm.model",),
    "optimizer": ("torch.optim", "gcm.training.muon"),
    "schedule": ("gcm.training.schedule",),
    "trainer": ("pytorch_lightning",),
    "visualizer": ("gcm.visualizer",),
    "rendering": ("gcm.rendering",),
    "metric": ("gcm.metric",),
    "task": ("gcm.task",),
}
"""The modules in which the classes of each section of a config may live: a config may come from a stranger's run
directory.
"""

BASES = {
    "data": ("gcm.data", "ImageData"),
    "model": ("gcm.model", "Classifier"),
    "optimizer": ("torch.optim", "Optimizer"),
    "visualizer": ("gcm.visualizer", "Visualizer"),
    "rendering": ("gcm.rendering", "Rendering"),
    "metric": ("torchmetrics", "Metric"),
}
"""The base of the classes of each section, by module and name."""


def instantiate(config: Mapping[str, Any] | DictConfig, *arguments: Any, key: str) -> Any:
    """Call the class or function named by `config["_target_"]` with the rest of `config` as keyword arguments.

    `arguments` are passed first, by position. `key` is the config's own place (`model`, `visualizer.cam`): it says
    where the class may live, and is named in messages. Raises `InputError` where a setting is unknown, missing or of
    the wrong type, and where the target lies elsewhere.
    """
    target = resolve(config, key)
    settings = check_settings(target, plain(config), given=len(arguments), key=key)
    if key not in ("optimizer", "schedule"):
        return target(*arguments, **settings)
    try:
        return target(*arguments, **settings)
    except (ValueError, TypeError, RuntimeError) as error:  # torch.optim checks what does not go together itself
        raise InputError(f"{key}: {' '.join(str(error).split())}") from None


def instantiate_all(section: Mapping[str, Any] | DictConfig, key: str) -> dict[str, Any]:
    """Instantiate each of the named parts of a section such as `visualizer`; `key` is the section's own name."""
    return {name: instantiate(part, key=f"{key}.{name}") for name, part in plain(section).items()}


def plain(config: Mapping[str, Any] | DictConfig) -> dict[str, Any]:
    """Return a config as a dictionary of plain values, interpolations filled in.

    Raises `InputError` where a setting is given by itself.
    """
    if isinstance(config, DictConfig):
        try:
            config = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        except RecursionError:
            raise InputError("a setting is given by itself, through ${…}") from None
    return dict(config)


def resolve(config: Mapping[str, Any] | DictConfig, key: str) -> Any:
    """Return the class or function that a config names.

    Raises `InputError` where it names nothing that exists, or something that lies elsewhere.
    """
    homes = HOMES[key.split(".")[0]]
    path = config.get("_target_")
    if not isinstance(path, str):
        raise InputError(f"{key} has no _target_, the class that it configures")
    if not path.startswith(tuple(home + "." for home in homes)):
        raise InputError(f"{key}._target_ must lie in {' or '.join(homes)}; got {shortened(path)}")
    module, _, name = path.rpartition(".")
    try:
        target = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise InputError(f"{key}._target_ names nothing that exists: {path}") from None
    if not getattr(target, "__module__", "").startswith(homes):
        raise InputError(f"{key}._target_ must be defined in {' or '.join(homes)}; {path} is only imported there")
    check_kind(target, key)
    return target


def check_kind(target: Any, key: str) -> None:
    module, name = BASES.get(key.split(".")[0], ("", ""))
    if not name:
        return
    base = getattr(importlib.import_module(module), name)
    if not inspect.isclass(target) or not issubclass(target, base) or inspect.isabstract(target):
        raise InputError(f"{key}._target_ must be one of the classes that are a {name}; got {target.__name__}")


def check_settings(target: Any, config: Mapping[str, Any], given: int, key: str) -> dict[str, Any]:
    """Check the settings in `config` by `target`'s signature: names known, types right, none missing; return them.

    Raises `InputError` for the first that is not.
    """
    call = target.__init__ if inspect.isclass(target) else target
    types = {**typing.get_type_hints(call, include_extras=True), **OF_LIBRARIES.get(key, {})}
    parameters = list(inspect.signature(target).parameters.values())[given:]
    allowed = {parameter.name: parameter for parameter in parameters}
    settings = {}
    for name, value in config.items():
        if name == "_target_":
            continue
        if name not in allowed:
            raise unknown_key(f"{key}.{name}".lstrip("."), name, allowed)
        settings[name] = check_type(types.get(name, Any), value, f"{key}.{name}".lstrip("."))
    missing = [
        name for name, parameter in allowed.items() if parameter.default is parameter.empty and name not in settings
    ]
    if missing:
        raise InputError(f"{key} lacks {listed(missing)}")
    return settings


def check_type(kind: Any, value: Any, key: str) -> Any:
    """Return `value` as `kind`; whole numbers pass as floats and lists as tuples, nothing else is converted.

    Raises `InputError` where it is not of that kind.
    """
    try:
        return adapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        complaints = dict.fromkeys(complaint(detail) for detail in error.errors())
        raise InputError(f"{key}: {' or '.join(complaints)}; got {shortened(repr(value))}") from None


def adapter(kind: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False))
    except PydanticUserError:  # a type with a config of its own
        return TypeAdapter(kind)


def complaint(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "missing":
        return f"must have {detail['loc'][-1] + 1} items"
    if detail["type"] == "too_short":
        return f"must have {detail['ctx']['min_length']} items or more"
    if detail["type"] == "json_invalid":
        return "must be text that can be written as UTF-8"
    message = str(detail["msg"]).removeprefix("Input should be ")
    place = listed(part for part in detail["loc"] if isinstance(part, int))
    return f"item {place} must be {message}" if place else f"must be {message}"


def unknown_key(full_key: str, name: str, allowed: Iterable[str], known: Iterable[str] = ()) -> InputError:
    """Return the error for an unknown setting, with what may have been meant.

    `allowed`: the names in its section; `known`: the full keys of all settings there are.
    """
    names = sorted(allowed)
    meant = likely(name, names, list(known))
    hint = f"; did you mean {meant}?" if meant and meant != full_key else "."
    return InputError(f"unknown setting {shortened(full_key)}{hint} Allowed here: {listed(names)}")


def likely(name: str, allowed: Sequence[str], known: Sequence[str]) -> str:
    """Return what an unknown name was meant to be: a name of another section, what others call it, or the nearest."""
    spelt = name.lower().replace("-", "_")
    last_parts = {key.rpartition(".")[2]: key for key in sorted(known, key=lambda key: key.startswith("task."))}
    elsewhere = last_parts.get(spelt) or SYNONYMS.get(spelt)
    if elsewhere:
        return elsewhere
    near = difflib.get_close_matches(spelt, allowed, n=1)
    far = difflib.get_close_matches(spelt, last_parts, n=1, cutoff=0.75)
    return near[0] if near else last_parts[far[0]] if far else ""
