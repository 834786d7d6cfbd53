"""What each visualizer is, from its paper's equation: one image, one class, loops.

`network` is an `oracle.network.Network`, `image` `(C,H,W)`.
"""

import math

import numpy as np
from oracle.resize import resized


def cam(network, image, k):
    """`M_k(x,y) = sum_d w_kd f_d(x,y)`: Zhou et al., 2016, equation 2."""
    features = network.features.forward(image)
    weight = network.head.layers[-1].weight
    class_map = np.zeros(features.shape[1:])
    for d, x, y in np.ndindex(features.shape):
        class_map[x, y] += weight[k, d] * features[d, x, y]
    return class_map


def grad_cam(network, image, k, rectified):
    """`a_kd = mean over places of dS_k / dA_d`, then `ReLU(sum_d a_kd A_d)`: Selvaraju et al., 2017, equations 1 and 2."""
    features, gradient = network.features.forward(image), network.feature_gradient(image, k)
    class_map = np.zeros(features.shape[1:])
    for d in range(len(features)):
        importance = sum(map(float, gradient[d].flatten())) / gradient[d].size
        class_map += importance * features[d]
    return np.maximum(class_map, 0) if rectified else class_map


def guided_grad_cam(network, image, k, interpolation):
    """The pointwise product of guided backprop and Grad-CAM, enlarged: the same, section 3.3."""
    enlarged = resized(grad_cam(network, image, k, rectified=True), *image.shape[1:], interpolation)
    return network.gradient(image, k, "guided") * enlarged


def input_x_gradient(network, image, k):
    """Shrikumar et al., 2016."""
    return image * network.gradient(image, k)


def smooth_grad(network, image, k, noises):
    """`1/n sum_i M(x + e_i)`: Smilkov et al., 2017; the noise-mask paper, section 2.2."""
    return sum(network.gradient(image + noise, k) for noise in noises) / len(noises)


def integrated_gradients(network, image, k, steps):
    """`x_i` times the integral over `a` in [0,1] of `dS_k / dx_i (a x)`: Sundararajan et al., 2017, equation 1."""
    points = gauss_legendre(steps)
    return image * sum(weight * network.gradient(point * image, k) for point, weight in points)


def gauss_legendre(count):
    """Points and weights on [0,1]: roots of the Legendre polynomial by Newton's method; `2 / ((1 - x²) P'(x)²)`."""
    found = []
    for number in range(1, count + 1):
        x = math.cos(math.pi * (number - 0.25) / (count + 0.5))
        for _ in range(100):
            before, value = 1.0, x  # P_0, P_1
            for degree in range(2, count + 1):
                before, value = value, ((2 * degree - 1) * x * value - (degree - 1) * before) / degree
            slope = count * (x * value - before) / (x * x - 1)
            x -= value / slope
        found.append(((1 + x) / 2, 1 / ((1 - x * x) * slope * slope)))
    return found


def occlusion(network, image, k, patch, value):
    """How much logit `k` falls when a square is covered: Zeiler and Fergus, 2014, section 4.2."""
    _, height, width = image.shape
    falls = np.zeros((height // patch, width // patch))
    for r, c in np.ndindex(falls.shape):
        covered = image.copy()
        covered[:, r * patch : (r + 1) * patch, c * patch : (c + 1) * patch] = value
        falls[r, c] = network.logits(image)[k] - network.logits(covered)[k]
    return falls


def centred_weight_map(network, image, k, centre):
    """What a pixel weighs for class `k`, less the mean, median or minimum of what it weighs for all."""
    maps = [network.weight_map(image, j) for j in range(network.classes)]
    centred = np.empty(image.shape[1:])
    for place in np.ndindex(centred.shape):
        ordered = sorted(class_map[place] for class_map in maps)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        common = {"mean": sum(ordered) / len(ordered), "median": middle, "minimum": ordered[0]}[centre]
        centred[place] = maps[k][place] - common
    return centred


def contribution(network, image, k):
    """What each value of the image adds to score `k`: GCM paper, equations 3 and 4."""
    return network.contribution_map(image, k) / image.size


def centred_contribution(network, image, k, centre):
    return centred_weight_map(network, image, k, centre) * image / image.size


def uniform(network, image, k):
    """The logit, the same share for every pixel."""
    _, height, width = image.shape
    return np.full((height, width), network.logits(image)[k] / (height * width))
