"""The benchmark says how fast the program is, as ratios against other libraries."""
