"""Does noise that should go unnoticed go unnoticed?"""
