"""Which filters, regions and pixels are behind one decision?"""
