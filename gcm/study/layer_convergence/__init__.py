"""Which layers settle early in a training, and which late?"""
