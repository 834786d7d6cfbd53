"""Predictive distributions: the probability of every class, from one pass of a network or over stochastic passes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gcm.data import as_pixels
from gcm.model import Classifier, StochasticClassifier, evaluation_mode
from gcm.model.answer import logits_of
from gcm.progress import SILENT, Progress

BATCH = 250


@dataclass(frozen=True)
class PredictiveDistribution:
    """A network's prediction for `N` images.

    Attributes:
        probabilities: probability of each class, `(N,K)`; over several passes their mean.
        mutual_information: how much the passes disagree, `(N,)`, in nats; 0 for one pass. Source: Gal et al., "Deep
        Bayesian active learning with image data", 2017.
    """

    probabilities: Tensor
    mutual_information: Tensor

    @property
    def confidence(self) -> Tensor:
        """The largest probability, `(N,)`."""
        return self.probabilities.amax(1)

    @property
    def entropy(self) -> Tensor:
        """The entropy of the probabilities, `(N,)`, in nats: all doubt, whether the passes agree in it or not."""
        return entropy_of(self.probabilities)


@dataclass(frozen=True)
class Predictive:
    """A way to get predictive distributions: one pass of a network as it is in evaluation, or several stochastic ones.

    Attributes:
        name: name of the network.
        weights_sha256: its weights' hash.
        network: the network, in evaluation mode, on its device.
        passes: how many; None: one, not stochastic.
        seed: seed of the passes.
    """

    name: str
    weights_sha256: str
    network: Classifier
    passes: int | None
    seed: int

    @property
    def how(self) -> str:
        return "softmax, once" if self.passes is None else f"{self.passes} passes"

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def on(self, images: Tensor, what: str = "images", progress: Progress = SILENT) -> PredictiveDistribution:
        """Predict images `(N,C,H,W)` uint8, batch by batch; `what` says to `progress` what images they are."""
        found = []
        batches = progress.of(f"{self.name}, {self.how}").over(images.split(BATCH), what, -(-len(images) // BATCH))
        for batch in batches:
            drawn = self.passes_on(as_pixels(batch, self.device)).cpu()  # (T,B,K)
            mean = drawn.mean(0)
            disagreement = (entropy_of(mean) - entropy_of(drawn).mean(0)).clamp_min(0)
            found.append(PredictiveDistribution(mean, disagreement))
        return PredictiveDistribution(
            torch.cat([part.probabilities for part in found]), torch.cat([part.mutual_information for part in found])
        )

    @torch.no_grad()
    def passes_on(self, pixels: Tensor) -> Tensor:
        """Return the probability of each class in each pass, `(T,B,K)`, in float64."""
        with evaluation_mode(self.network):
            if self.passes is None:
                return logits_of(self.network, pixels).double().softmax(1).unsqueeze(0)
            assert isinstance(self.network, StochasticClassifier)
            probabilities: Tensor = self.network.sampled_logits(pixels, self.passes, self.seed).double().softmax(2)
            return probabilities


def entropy_of(probabilities: Tensor) -> Tensor:
    """Return the entropy over the last axis, in nats."""
    entropies: Tensor = torch.special.entr(probabilities).sum(-1)
    return entropies
