"""The four renderings of the GCM paper (section 4.7; the drawing recipe: section 4.6), one map `(d,h,w)` at a time."""

import numpy as np
from oracle.resize import resized


def raw(weight_map, image):
    return weight_map


def absolute(weight_map, image):
    return np.where(weight_map < 0, -weight_map, weight_map)


def product(weight_map, image, interpolation):
    """Weight map, resized to the image, times the image."""
    enlarged = [resized(plane, *image.shape[1:], interpolation) for plane in weight_map]
    picture = np.empty_like(image)
    for d in range(len(image)):
        picture[d] = enlarged[d if len(enlarged) > 1 else 0] * image[d]
    return picture


def blend(weight_map, image, map_share, image_share, interpolation):
    """Resize, scale from its minimum and maximum to [0,1], colour with jet, add shares of map and image."""
    enlarged = resized(sum(weight_map) / len(weight_map), *image.shape[1:], interpolation)
    low, high = enlarged.min(), enlarged.max()
    picture = np.empty((3, *enlarged.shape))
    for r, c in np.ndindex(enlarged.shape):
        scaled = (enlarged[r, c] - low) / (high - low) if high > low else 0.0
        for channel, colour in enumerate(jet(scaled)):
            seen = image[channel if len(image) > 1 else 0, r, c]
            picture[channel, r, c] = map_share * colour + image_share * seen
    return picture


def jet(value):
    """MATLAB's jet as straight lines between its corners: red, green, blue of a value in [0,1]."""
    corners = [0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1]
    return [
        np.interp(value, corners, [0, 0, 0, 1, 1, 0.5]),
        np.interp(value, corners, [0, 0, 1, 1, 0, 0]),
        np.interp(value, corners, [0.5, 1, 1, 0, 0, 0]),
    ]
