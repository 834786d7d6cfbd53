"""One step of each optimizer, on arrays."""

import numpy as np


class MuonByHand:
    """Jordan et al., 2024: `B = mu B + G`, then Newton and Schulz on `G + mu B`; scaled by `0.2 sqrt(max(A, B))`, with
    decoupled weight decay (Liu et al., 2025, equation 4)."""

    def __init__(self, weight, lr, decay, momentum, iterations):
        self.weight, self.lr, self.decay, self.momentum, self.iterations = weight, lr, decay, momentum, iterations
        self.buffer = np.zeros(weight.shape)

    def step(self, gradient):
        self.buffer = self.momentum * self.buffer + gradient
        ahead = gradient + self.momentum * self.buffer
        matrix = ahead.reshape(len(ahead), -1)
        direction = newton_schulz(matrix, self.iterations).reshape(self.weight.shape)
        size = 0.2 * max(matrix.shape) ** 0.5
        self.weight = self.weight - self.lr * (size * direction + self.decay * self.weight)


def newton_schulz(matrix, iterations):
    """`s -> 3.4445 s - 4.7750 s³ + 2.0315 s⁵` on each singular value `s`, after division by the Frobenius norm."""
    left, values, right = np.linalg.svd(matrix / np.sqrt((matrix**2).sum()), full_matrices=False)
    for _ in range(iterations):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left @ np.diag(values) @ right


class AdamWByHand:
    """Loshchilov and Hutter, 2019, algorithm 2."""

    def __init__(self, weight, lr, decay):
        self.weight, self.lr, self.decay = weight, lr, decay
        self.mean, self.square, self.steps = np.zeros(weight.shape), np.zeros(weight.shape), 0

    def step(self, gradient):
        self.steps += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        mean, square = self.mean / (1 - 0.9**self.steps), self.square / (1 - 0.999**self.steps)
        self.weight = self.weight - self.lr * (mean / (np.sqrt(square) + 1e-8) + self.decay * self.weight)
