"""Do maps show what the network used?"""
