"""Filter paths of a LeNet by the filter-contribution paper, section 3: the image's switches are held, then all adds up."""

import numpy as np
from oracle.layer import Convolution


class Paths:
    """Of one image `(C,H,W)`; `network` is an `oracle.network.lenet`.

    Attributes:
        first, second: filters of the layers.
        open_places: `(j,p,q)` to the place of filter `j`'s map that goes on to the linear layer, where any does.
    """

    def __init__(self, network, image):
        self.layer1, self.relu1, self.pooling1, self.layer2, self.relu2 = network.features.layers
        self.pooling2, self.linear = network.head.layers
        self.image = image
        _, self.before_relu1, self.before_pooling1, self.maps1, _, maps2 = network.features.values(image)
        self.first, self.second = len(self.maps1), len(maps2)
        self.pooled_shape = self.pooling2.forward(maps2).shape
        self.open_places = {
            place: (winner[1], winner[2]) for place, winner in self.pooling2.winners(maps2) if maps2[winner] > 0
        }

    def class_weight(self, k, j, p, q):
        _, rows, columns = self.pooled_shape
        return self.linear.weight[k, (j * rows + p) * columns + q]

    def brought(self, i, j):
        """What first-layer map `i` alone puts into second-layer map `j`, without bias."""
        return Convolution(self.layer2.weight[[j]][:, [i]]).forward(self.maps1[[i]])[0]

    def small_map(self, k, i, j):
        """What path `i -> j` brings to class `k`, place by place."""
        small = np.zeros(self.pooled_shape[1:])
        for (filter_, p, q), place in self.open_places.items():
            if filter_ == j:
                small[p, q] = self.class_weight(k, j, p, q) * self.brought(i, j)[place]
        return small

    def rest(self, k):
        """What the second layer's biases bring, and the class's own."""
        second = sum(self.class_weight(k, *place) * self.layer2.bias[place[0]] for place in self.open_places)
        return second + self.linear.bias[k]

    def pixel_map(self, k, i, j):
        """The derivative of path `i -> j`'s contribution for the image, times the image."""
        into_map = np.zeros((1, *self.brought(i, j).shape))
        for (filter_, p, q), place in self.open_places.items():
            if filter_ == j:
                into_map[(0, *place)] += self.class_weight(k, j, p, q)
        back = np.zeros(self.maps1.shape)
        back[i] = Convolution(self.layer2.weight[[j]][:, [i]]).backward(self.maps1[[i]], into_map)[0]
        back = self.pooling1.backward(self.before_pooling1, back)
        back = self.relu1.backward(self.before_relu1, back)
        return self.layer1.backward(self.image, back) * self.image


def two_strongest(contributions):
    """Of paths by what they bring, a dictionary; ties by the path's place."""
    ranked = sorted(contributions, key=lambda path: (-contributions[path], path))
    return ranked[:2]


def backwards(network, largest, image_shape):
    """The linear layer's input at its maximising values for one filter, then both layers backwards.

    The paper's future work (section 6), as `gcm.study.filter_image.deconvolution` tells it: `(F1+1,F2,C,H,W)`.
    """
    layer1, _, pooling1, layer2, _ = network.features.layers
    linear = network.head.layers[1]
    black = np.zeros(image_shape)
    maps1 = layer1.forward(black)
    maps2 = layer2.forward(pooling1.forward(maps1))
    first, second = len(maps1), len(maps2)
    weight = linear.weight.reshape(-1, *largest.shape)
    images = np.zeros((first + 1, second, *image_shape))
    for j in range(second):
        raised = [np.sum(np.maximum(of_class[j], 0) * largest[j]) for of_class in weight]
        best = weight[int(np.argmax(raised)), j]
        filled = np.zeros(maps2.shape)
        filled[j] = spread(np.where(best > 0, largest[j], 0), maps2.shape[1:])
        back = layer2.backward(pooling1.forward(maps1), filled)  # (F1,h,w)
        for i in range(first + 1):
            if i == first:
                chosen = back
            else:
                chosen = np.zeros(back.shape)
                chosen[i] = -back[i] if layer2.weight[j, i].sum() < 0 else back[i]
            chosen = np.maximum(chosen, 0)
            wide = np.array([spread(plane, maps1.shape[1:]) for plane in chosen])
            pixels = np.maximum(layer1.backward(black, wide), 0)
            images[i, j] = pixels / max(pixels.max(), 1e-12)
    return images


def spread(pooled, size):
    """Each value to every place of its 2x2 window."""
    wide = np.zeros(size)
    for p, q in np.ndindex(pooled.shape):
        wide[2 * p : 2 * p + 2, 2 * q : 2 * q + 2] = pooled[p, q]
    return wide
