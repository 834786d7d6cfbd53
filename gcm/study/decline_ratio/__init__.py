"""How much accuracy is lost if one classifies by the pictures?"""
