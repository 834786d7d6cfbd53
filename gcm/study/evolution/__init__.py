"""What can a network do after some iterations of its training, and where does it look?"""
