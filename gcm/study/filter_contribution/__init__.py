"""Which filter paths decide?"""
