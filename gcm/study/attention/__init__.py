"""Where does a network look, and how does that change while it learns?"""
