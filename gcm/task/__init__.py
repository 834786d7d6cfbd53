"""Tasks: one file for each choice of `task=`, with what it reads and what it does."""
