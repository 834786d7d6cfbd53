"""What does a network know that it does not know?"""
