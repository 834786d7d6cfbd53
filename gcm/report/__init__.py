"""The reproduction report: its sections, the papers' claims, and the pages they are written to."""
