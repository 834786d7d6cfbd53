"""Types wide enough to add up in."""

import pytest
import torch
from torch import nn

from gcm.precision import at_least, widened

TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@pytest.mark.parametrize("dtype", TYPES)
def test_widened_keeps_every_number(dtype):
    values = torch.tensor([torch.finfo(dtype).max, torch.finfo(dtype).tiny, -1.0, 0.0], dtype=dtype)
    wide = widened(values)
    assert wide.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(wide.to(dtype), values)


@pytest.mark.parametrize("cast", TYPES)
@pytest.mark.parametrize("least", [torch.float32, torch.float64])
def test_a_cast_narrows_no_further_than_it_may(least, cast):
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("total", torch.tensor(1 / 3, dtype=torch.float64))
            self.register_buffer("count", torch.tensor(3))

        def _apply(self, fn, recurse=True):
            return super()._apply(at_least(least, fn), recurse)

    sums = Sums().to(cast)
    wider = max(least, cast, key=lambda dtype: torch.finfo(dtype).bits)
    assert sums.total.dtype == wider
    assert sums.total == torch.tensor(1 / 3, dtype=torch.float64).to(wider)  # at once, not by way of the narrow type
    assert sums.count.dtype == torch.int64
    assert {tensor.device.type for tensor in sums.to("meta").buffers()} == {"meta"}
