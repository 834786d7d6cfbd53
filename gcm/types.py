"""Types of settings have their ranges, as constructors annotate them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

LARGEST = 2**31 - 1
"""The largest count; beyond it the libraries' own counters overflow."""

Count = Annotated[int, Ge(0), Le(LARGEST)]
PositiveCount = Annotated[int, Ge(1), Le(LARGEST)]
Width = Annotated[int, Ge(1), Le(4096)]
"""The channels, filters or units of a layer."""
Workers = Annotated[int, Ge(0), Le(256)]
"""The number of processes that fetch batches."""
Seed = Annotated[int, Ge(0), Lt(2**32)]
NonNegativeNumber = Annotated[float, Ge(0)]
PositiveNumber = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
ShareBelowOne = Annotated[float, Ge(0), Lt(1)]
PositiveShare = Annotated[float, Gt(0), Le(1)]

OF_LIBRARIES: Mapping[str, Mapping[str, Any]] = {
    "optimizer": {
        "lr": NonNegativeNumber,
        "weight_decay": NonNegativeNumber,
        "momentum": ShareBelowOne,
        "dampening": Share,
        "eps": NonNegativeNumber,
        "alpha": ShareBelowOne,
        "betas": tuple[ShareBelowOne, ShareBelowOne],
    },
    "trainer": {
        "accelerator": Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"],
        "devices": Literal["auto", -1] | PositiveCount | Annotated[list[Count], MinLen(1)],
        "num_nodes": PositiveCount,
        "max_epochs": Annotated[int, Le(LARGEST)] | None,
        "max_steps": Annotated[int, Le(LARGEST)],
        "max_time": str | int | float | dict[str, int] | None,
        "strategy": Literal["auto", "ddp", "ddp_find_unused_parameters_false", "ddp_find_unused_parameters_true"],
        "limit_train_batches": PositiveCount | PositiveShare | None,
        "val_check_interval": PositiveCount | PositiveShare | None,
        "check_val_every_n_epoch": PositiveCount | None,
        "enable_progress_bar": bool,
        "enable_model_summary": bool,
        "num_sanity_val_steps": Literal[-1] | Count | None,
        "log_every_n_steps": PositiveCount | None,
        "accumulate_grad_batches": PositiveCount,
        "gradient_clip_val": PositiveNumber | None,
        "gradient_clip_algorithm": Literal["norm", "value"] | None,
    },
}
"""Ranges that the signatures of PyTorch and Lightning leave open, by section of a config."""
