"""The smaller studies by their definitions, in loops over plain numbers."""

import math


def entropy(probabilities):
    """`- sum p ln p`; 0 ln 0 is 0."""
    return -sum(p * math.log(p) for p in probabilities if p > 0)


def mutual_information(passes):
    """Entropy of the mean less mean entropy: Gal et al., 2017, equation 3; passes of lists of probabilities."""
    mean = [sum(values) / len(passes) for values in zip(*passes, strict=True)]
    return entropy(mean) - sum(map(entropy, passes)) / len(passes)


def expected_calibration_error(confidences, right, bins):
    """`sum over bins of n_b/N |accuracy - confidence|`: Guo et al., 2017, equation 3."""
    error = 0.0
    for number in range(bins):
        inside = [
            (confidence, correct)
            for confidence, correct in zip(confidences, right, strict=True)
            if min(math.floor(confidence * bins), bins - 1) == number
        ]
        if inside:
            confidence = sum(pair[0] for pair in inside) / len(inside)
            accuracy = sum(pair[1] for pair in inside) / len(inside)
            error += len(inside) / len(confidences) * abs(accuracy - confidence)
    return error


def area_below_roc(own, unlike):
    """How often an unlike image scores higher than an own one; a tie is half."""
    wins = sum((b > a) + (a == b) / 2 for a in own for b in unlike)
    return wins / (len(own) * len(unlike))


def average_precision(own, unlike):
    """Sum over thresholds of the gain in recall times the precision there."""
    total, recall_before = 0.0, 0.0
    for threshold in sorted({*own, *unlike}, reverse=True):
        found = sum(score >= threshold for score in unlike)
        false = sum(score >= threshold for score in own)
        recall = found / len(unlike)
        total += (recall - recall_before) * found / (found + false)
        recall_before = recall
    return total


def normal_divergence(mean, deviation, prior):
    """`KL(N(mean, deviation²) || N(0, prior²))` by its integral, on a fine grid."""
    step = deviation / 200
    total = 0.0
    for number in range(-2000, 2001):
        x = mean + number * step
        log_own = -0.5 * ((x - mean) / deviation) ** 2 - math.log(deviation)
        log_prior = -0.5 * (x / prior) ** 2 - math.log(prior)
        total += math.exp(log_own) / math.sqrt(2 * math.pi) * (log_own - log_prior) * step
    return total


def distance(a, b):
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def settled_at(steps, left):
    """The first step from which on never more than half of the way is left; else the last."""
    for place, step in enumerate(steps):
        if all(share <= 0.5 for share in left[place:]):
            return step
    return steps[-1]
