"""Training: one loop for every classifier, its optimizer and schedule, and what a run keeps of it."""
