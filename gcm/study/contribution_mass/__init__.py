"""How strongly do the maps of the true class respond, and those of the wrong ones?"""
