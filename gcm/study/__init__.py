"""Studies are bigger than a map: they measure over whole test sets."""
