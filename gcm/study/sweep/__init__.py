"""How good are the trainings of a sweep, and how large?"""
