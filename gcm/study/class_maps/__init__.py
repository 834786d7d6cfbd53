"""What do the class maps of some images look like?"""
