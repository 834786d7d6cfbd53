"""How fast the program is, as ratios against other libraries."""
