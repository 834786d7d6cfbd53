"""How long does one computation take compared with another?"""
