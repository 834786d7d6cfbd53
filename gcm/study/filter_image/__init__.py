"""Which inputs do filters, paths and channels like best?"""
