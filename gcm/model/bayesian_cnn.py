"""Bayes by backprop: the lab's network, each of whose weights is a normal distribution."""

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.func import functional_call
from torch.nn import functional as F

from gcm.data.spec import ImageSpec
from gcm.model.lab_cnn import LabCNN
from gcm.model.stochastic import StochasticClassifier
from gcm.types import PositiveNumber, Width


class BayesianCNN(LabCNN, StochasticClassifier):
    """A Bayesian CNN is a `LabCNN` with a normal distribution for each weight.

    Its parameters are the means; `spread` gives the deviations. Source: Blundell et al., "Weight uncertainty in neural
    networks", 2015. Departures: the prior is one normal distribution around 0, so that the cost is known in closed
    form; all images of a batch see the same draw. An optimizer's weight decay would be a second prior on the means;
    leave it at 0.

    Args:
        spec: the images and classes.
        filters: filters of the two convolutions.
        hidden: units of the hidden linear layer.
        prior_deviation: standard deviation of every weight before any image was seen.
        initial_deviation: standard deviation of every weight when training begins.
        tempering: factor of the cost; 1: the evidence lower bound itself.

    >>> from gcm.data import ImageSpec
    >>> from gcm.model import BayesianCNN, LabCNN
    >>> spec = ImageSpec.of(channels=1, size=28, classes=10)
    >>> BayesianCNN(spec).parameter_count() / LabCNN(spec).parameter_count()  # a mean and a deviation each
    2.0
    """

    def __init__(
        self,
        spec: ImageSpec,
        filters: tuple[Width, Width] = (16, 32),
        hidden: Width = 128,
        prior_deviation: PositiveNumber = 0.1,
        initial_deviation: PositiveNumber = 0.01,
        tempering: PositiveNumber = 1.0,
    ) -> None:
        super().__init__(spec, filters, hidden)
        self.prior_deviation, self.tempering = prior_deviation, tempering
        before_softplus = float(torch.tensor(initial_deviation, device="cpu").expm1().log())
        self.means = tuple(name for name, _ in self.named_parameters())
        self.spread = nn.ParameterList(
            nn.Parameter(torch.full_like(mean.flatten(), before_softplus)) for mean in list(self.parameters())
        )  # flat: no optimizer takes them for convolutions, none lets them decay

    def distributions(self) -> dict[str, Normal]:
        """Return the distributions of the weights, by the name of the parameter that holds their means."""
        means = {name: self.get_parameter(name) for name in self.means}
        return {
            name: Normal(mean, F.softplus(spread).view_as(mean), validate_args=False)
            for (name, mean), spread in zip(means.items(), self.spread, strict=True)
        }

    def forward(self, images: Tensor) -> Tensor:
        """Classify by weights drawn at random in training, by their means in evaluation."""
        return self.sampled_forward(images) if self.training else super().forward(images)

    def sampled_forward(self, images: Tensor) -> Tensor:
        self.check_images(images)
        weights = {name: distribution.rsample() for name, distribution in self.distributions().items()}
        features: Tensor = functional_call(self.convolutions, below(weights, "convolutions."), (images,))
        logits: Tensor = functional_call(self.mlp, below(weights, "mlp."), (features,))
        return logits

    def complexity(self) -> Tensor:
        """Return the distributions' divergence from the prior, times `tempering`, in nats, `()`."""
        costs = [
            kl_divergence(distribution, Normal(torch.zeros_like(distribution.loc), self.prior_deviation)).sum()
            for distribution in self.distributions().values()
        ]
        return self.tempering * torch.stack(costs).sum()


def below(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
