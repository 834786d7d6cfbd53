"""A report's sections. A new one is a file here with `SECTIONS`, its makers by their places in the report."""

from importlib import import_module
from pkgutil import iter_modules

from gcm.report.section.base import Section, SectionMaker, missing_lines

__all__ = ["Section", "SectionMaker", "missing_lines", "sections"]


def sections() -> list[SectionMaker]:
    """Find the makers of all sections in this folder's files, in the order of their places."""
    makers: dict[int, SectionMaker] = {}
    for module in iter_modules(__path__):
        own: dict[int, SectionMaker] = getattr(import_module(f"{__name__}.{module.name}"), "SECTIONS", {})
        taken = own.keys() & makers.keys()
        if taken:
            raise ValueError(f"{module.name} has places in the report that others have: {sorted(taken)}")
        makers |= own
    return [makers[place] for place in sorted(makers)]
