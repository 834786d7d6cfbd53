"""Which regions is a class recognised by?"""
