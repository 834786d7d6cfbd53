"""Enlarging, one pixel at a time; pixels are areas, and the border is repeated."""

from math import floor

import numpy as np


def resized(plane, height, width, interpolation):
    """`(h,w)` to `(height,width)`."""
    enlarged = np.zeros((height, width))
    for r, c in np.ndindex(height, width):
        for row, row_weight in taps(r, height, plane.shape[0], interpolation):
            for column, column_weight in taps(c, width, plane.shape[1], interpolation):
                enlarged[r, c] += row_weight * column_weight * plane[row, column]
    return enlarged


def taps(place, size, source_size, interpolation):
    """The places that a place of the result is made of, with their weights."""
    if interpolation == "nearest":
        return [(place * source_size // size, 1.0)]
    position = (place + 0.5) * source_size / size - 0.5  # of the pixel's middle
    kernel, reach = {"bilinear": (triangle, 1), "bicubic": (cubic, 2)}[interpolation]
    around = range(floor(position) - reach + 1, floor(position) + reach + 1)
    return [(min(max(source, 0), source_size - 1), kernel(abs(position - source))) for source in around]


def triangle(distance):
    return max(0.0, 1 - distance)


def cubic(distance, a=-0.75):
    """Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 15; OpenCV's `a`."""
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    if distance < 2:
        return a * distance**3 - 5 * a * distance**2 + 8 * a * distance - 4 * a
    return 0.0
