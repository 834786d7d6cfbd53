"""All of a network and of PyTorch that looking at a network could disturb."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from gcm.model.evaluation_mode import looks

GLOBAL_HOOKS = [name for name in vars(torch_module) if name.startswith("_global_") and name.endswith("_hooks")]


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Asserts that all is as it was, whether the block ends or is left by an exception."""
    before, values = state_of(network), values_of(network)
    try:
        yield
    finally:
        after = state_of(network)
        assert before.keys() == after.keys(), before.keys() ^ after.keys()
        changed = [name for name, value in before.items() if value is not after[name] and value != after[name]]
        assert not changed, changed
        assert all(torch.equal(value, now) for value, now in zip(values, values_of(network), strict=True))


def state_of(network: nn.Module) -> dict[str, object]:
    """Every attribute of every submodule by its path, dictionaries (of weights, buffers, hooks) entry by entry."""
    state: dict[str, object] = {
        "autograd is on": torch.is_grad_enabled(),
        "modes": torch.overrides._get_current_function_mode_stack(),
        "random": torch.get_rng_state().tolist(),
        "looks": dict(looks),
        **{name: dict(getattr(torch_module, name)) for name in GLOBAL_HOOKS},
    }
    for path, module in network.named_modules():
        state[f"{path}:"] = (id(module), type(module))
        for name, value in vars(module).items():
            entries = value.items() if isinstance(value, dict) else [("", value)]
            state |= {f"{path}:{name}.{key}": facts(entry) for key, entry in entries}
    return state


def facts(value: object) -> object:
    """Of a tensor its identity, how often it was written to, its layout and gradient; all else is itself."""
    if not isinstance(value, Tensor):
        return value if isinstance(value, bool | int | float | str | tuple | None) else id(value)
    return (
        id(value),
        value._version,
        value.stride(),
        value.requires_grad,
        id(value.grad),
        len(value._backward_hooks or ()),
    )


def values_of(network: nn.Module) -> list[Tensor]:
    """Weights, buffers and gradients."""
    tensors = [*network.parameters(), *network.buffers()]
    return [value.detach().clone() for tensor in tensors for value in (tensor, tensor.grad) if value is not None]
