"""Types of settings, with their ranges, as constructors annotate them."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

Count = Annotated[int, Ge(0)]
PositiveCount = Annotated[int, Ge(1)]
Seed = Annotated[int, Ge(0), Lt(2**32)]
NonNegativeNumber = Annotated[float, Ge(0)]
PositiveNumber = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
ShareBelowOne = Annotated[float, Ge(0), Lt(1)]
