"""How often is a network right on a whole test set?"""
