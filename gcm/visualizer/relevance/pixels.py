"""Pixels are followed on their way to the first layer, with the least and largest values that they can have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gcm.visualizer.dependence import tensors_in
from gcm.visualizer.relevance.call import MAX_POOLINGS, Call


@dataclass(frozen=True)
class Known:
    """A tensor that holds the image.

    Attributes:
        values: the tensor.
        low, high: the least and largest values that it can have, in its own shape. Where it holds anything else these
            are the value itself and 0, which make the bounded rule the z+ rule.
        pure: whether it holds the image alone, moved about, averaged, or with constants brought to it.
    """

    values: Tensor
    low: Tensor
    high: Tensor
    pure: bool = True


class Pixels:
    """A record of all tensors that hold the image. A view of one has bounds that are views of its bounds."""

    def __init__(self, images: Tensor) -> None:
        """Begin with `images`, in [0,1]."""
        self.known = {id(images): Known(images, torch.zeros_like(images), torch.ones_like(images))}

    def get(self, values: Tensor) -> Known | None:
        known = self.known.get(id(values))
        whole = None if values._base is None else self.known.get(id(values._base))
        if known or not whole or whole.low.stride() != whole.values.stride():
            return known
        low, high = (
            end.as_strided(values.shape, values.stride(), values.storage_offset()) for end in (whole.low, whole.high)
        )
        return Known(values, low, high, whole.pure)

    def are(self, values: Tensor) -> bool:
        """Return whether these values are the image alone."""
        known = self.get(values)
        return known is not None and known.pure

    @torch.no_grad()
    def moved(self, call: Call, changing: Sequence[Tensor], result: object) -> None:
        """Record the result of a call that moves values about, or averages them.

        `changing` are its arguments that depend on the image; `result` is one tensor or several.
        """
        if not any(self.get(value) for value in changing):
            return
        given = [self.bounds(value) for value in changing]
        if call.function in MAX_POOLINGS:
            call = call._replace(function=winners(call))
        lows, highs = ends(call, given)
        pure = all(known.pure for known in given)
        for values, low, high in zip(tensors_in(result), tensors_in(lows), tensors_in(highs), strict=False):
            self.known[id(values)] = Known(values, low, high, pure)

    @torch.no_grad()
    def shifted(self, call: Call, pixels: Tensor, result: Tensor) -> None:
        """Record the result of arithmetic with a constant, which may turn the bounds around."""
        first, second = ends(call, [self.known[id(pixels)]])
        self.known[id(result)] = Known(result, torch.minimum(first, second), torch.maximum(first, second))

    @torch.no_grad()
    def written(self, call: Call) -> None:
        """Record a call that has written pixels or constants into its first argument, which held such values.

        If that is a part of another tensor, the other holds them too.
        """
        target = call.args[0]
        whole = target if target._base is None else target._base
        if self.get(target) is None:
            self.known[id(whole)] = Known(whole, whole.detach().clone(), whole.detach().clone())
        held = [self.get(value) for value in tensors_in(call.args)]
        ends(call, [known for known in held if known])

    def bounds(self, values: Tensor) -> Known:
        """Return the bounds of values, also of those that are not the image."""
        zero = values.new_zeros(())
        other = values.detach()
        return self.get(values) or Known(values, other.minimum(zero), other.maximum(zero), pure=False)


def ends(call: Call, given: Sequence[Known]) -> tuple[Any, Any]:
    """Return what the call makes of the lower bounds, and of the upper ones."""
    low, high = (
        call.with_others({id(known.values): side for known, side in zip(given, sides, strict=True)})
        for sides in ([known.low for known in given], [known.high for known in given])
    )
    return low(), high()


def winners(call: Call) -> Any:
    """Return the max pooling of a call for other maps, at the places that won in the call's own."""
    input, window = call.input, call.args[1:6]
    named = {name: value for name, value in call.named.items() if name not in ("input", "return_indices")}
    _, places = F.max_pool2d_with_indices(input.detach(), *window, **named)

    def at_places(*args: Any, **others: Any) -> Tensor:
        values: Tensor = args[0] if args else others["input"]
        return values.flatten(-2).gather(-1, places.flatten(-2)).view_as(places)

    return at_places
