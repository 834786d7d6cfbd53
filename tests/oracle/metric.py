"""Metrics by their definitions, one image at a time, in loops; maps `(h,w)` or `(d,h,w)` as NumPy arrays."""

import math
from itertools import pairwise

import numpy as np
from scipy import stats


def numbers(values):
    return [float(value) for value in np.asarray(values).flatten()]


def first_largest(values):
    return max(range(len(values)), key=lambda place: (values[place], -place))


def right_by_network_and_by_map(maps, logits, labels):
    """For each image whether the class of the largest logit, and of the largest sum of all map elements, is the label."""
    return [
        (first_largest(numbers(scores)) == label, first_largest([sum(numbers(m)) for m in of_image]) == label)
        for of_image, scores, label in zip(maps, logits, labels, strict=True)
    ]


def decline_ratio(right):
    """`((A) - (B)) / (A)`: GCM paper, equation 13."""
    network, picture = sum(by_network for by_network, _ in right), sum(by_map for _, by_map in right)
    a, b = network / len(right), picture / len(right)
    return (a - b) / a if a else math.nan


def completeness(logits, parts, rest):
    """Largest |score - account| over images and classes, over the mean of an account's size."""
    errors, sizes = [], []
    for b, k in np.ndindex(logits.shape):
        errors.append(abs(logits[b, k] - sum(numbers(parts[b, k])) - rest[b, k]))
        sizes.append(sum(map(abs, numbers(parts[b, k]))))
    return max(errors) / (sum(sizes) / len(sizes))


def pointing(maps, places):
    """Böhle et al., 2021, equation 12: positive evidence inside over all positive evidence; mean over classes shown."""
    shares = []
    for class_map, place in zip(maps, places, strict=True):
        if place.any():
            positive = [max(value, 0.0) for value in numbers(class_map)]
            inside = sum(value for value, here in zip(positive, place.flatten(), strict=True) if here)
            shares.append(inside / sum(positive) if sum(positive) else 0.0)
    return sum(shares) / len(shares)


def perturbation_curve(network, image, class_map, k, order, steps, baseline, inserting):
    """Probability of class `k` while pixels go (or come), the highest of the map first; ties in `order`.

    Petsiuk et al., 2018, algorithm 1.
    """
    _, height, width = image.shape
    place_in_order = {pixel: place for place, pixel in enumerate(order)}
    values = numbers(class_map)
    ranked = sorted(range(height * width), key=lambda pixel: (-values[pixel], place_in_order[pixel]))
    curve = []
    for step in range(steps + 1):
        touched = ranked[: round(height * width * step / steps)]
        perturbed = np.full(image.shape, baseline) if inserting else image.copy()
        for pixel in touched:
            place = divmod(pixel, width)
            perturbed[(slice(None), *place)] = image[(slice(None), *place)] if inserting else baseline
        curve.append(softmax(numbers(network.logits(perturbed)))[k])
    return curve


def area(curve):
    """Below a curve over [0,1], by trapezoids."""
    steps = len(curve) - 1
    return sum((before + after) / 2 / steps for before, after in pairwise(curve))


def softmax(scores):
    largest = max(scores)
    exponentials = [math.exp(score - largest) for score in scores]
    return [value / sum(exponentials) for value in exponentials]


def relative_change(class_map, other):
    """`|other - map| / |map|`."""
    moved = math.sqrt(sum((b - a) ** 2 for a, b in zip(numbers(class_map), numbers(other), strict=True)))
    length = math.sqrt(sum(value**2 for value in numbers(class_map)))
    return moved / length if length else float(moved > 0)


def gini(class_map):
    """Half the mean difference of two absolute values over their mean; both drawn from all pixels."""
    sizes = [abs(value) for value in numbers(class_map)]
    mean = sum(sizes) / len(sizes)
    difference = sum(abs(a - b) for a in sizes for b in sizes) / len(sizes) ** 2
    return difference / (2 * mean) if mean else 0.0


def logit_residual(maps, logits):
    """`1 - r²` of the maps' sums and the logits over classes; 1 where r is not positive, 0 where logits are equal."""
    sums, scores = [sum(numbers(class_map)) for class_map in maps], numbers(logits)
    if len(set(scores)) == 1:
        return 0.0
    if len(set(sums)) == 1:
        return 1.0
    return 1 - max(0.0, np.corrcoef(sums, scores)[0, 1]) ** 2


def rank_correlation(one, other):
    """`|Spearman's correlation|`; of a map that is the same everywhere 0, or 1 with another such map."""
    even = len(set(one)) == 1, len(set(other)) == 1
    return float(all(even)) if any(even) else abs(stats.spearmanr(one, other).statistic)


def mean_and_reach(values, quantile):
    """Mean, and `t` times the standard error of the mean."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, quantile * math.sqrt(variance / len(values))
