"""The guided rule reaches every way to write a ReLU, and says so where it cannot."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.model import Classifier
from gcm.visualizer import Deconvnet, GuidedBackprop
from gcm.visualizer.masked_network import check_can_be_masked

WRITTEN = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "F.relu by name": lambda x: F.relu(input=x),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "F.relu in place, result not used": lambda x: (F.relu(x, inplace=True), x)[1],
    "F.relu in place by position": lambda x: (F.relu(x, True), x)[1],
    "torch.relu_, result not used": lambda x: (torch.relu_(x), x)[1],
}


class Swish(torch.autograd.Function):
    """Saves memory by computing its sigmoid again."""

    @staticmethod
    def forward(ctx, values):
        ctx.save_for_backward(values)
        return values * values.sigmoid()

    @staticmethod
    def backward(ctx, gradient):
        (values,) = ctx.saved_tensors
        return gradient * values.sigmoid() * (1 + values * (1 - values.sigmoid()))


class AddBackward0(torch.autograd.Function):
    """A ReLU by the name of what is linear."""

    @staticmethod
    def forward(ctx, values):
        ctx.save_for_backward(values)
        return values.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (ctx.saved_tensors[0] > 0)


def written_into(values):
    mask = torch.zeros_like(values)
    mask.copy_(values.detach() > 0)
    return values * mask


def chosen(values):
    kept = values.clone()
    kept[values < 0] = 0
    return kept


def view_written(values, write):
    values = values.clone()
    write(values.view(-1))
    return values


def view_of_zeros(values, write):
    zeros = torch.zeros(values.shape)
    write(zeros.view(-1))
    return zeros


def masked(values: torch.Tensor):
    return values * (values > 0)


def scripted(values):
    with warnings.catch_warnings(action="ignore"):  # newer versions of PyTorch would have it exported
        return torch.jit.script(masked)(values)


NOT_GUIDED = {
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: x.clamp_min(0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "relu6": F.relu6,
    "leaky": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "where": lambda x: torch.where(x > 0, x, 0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "abs": lambda x: (x + x.abs()) / 2,
    "minimum": lambda x: -torch.minimum(-x, torch.zeros(())),
    "fmax": lambda x: torch.fmax(x, torch.zeros(())),
    "max of two": lambda x: torch.max(x, torch.zeros(())),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "mask": lambda x: x * (x > 0),
    "sign": lambda x: x * (1 + x.detach().requires_grad_().sign()) / 2,
    "custom function": Swish.apply,
    "custom function by another name": AddBackward0.apply,
    "erf": lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    "swish by hand": lambda x: x / (1 + torch.exp(-x)),
    "tanh by hand": lambda x: (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x)),
    "log-softplus": lambda x: torch.log(torch.log1p(torch.exp(x)) + 1),
    "logsumexp": lambda x: torch.logaddexp(x, torch.zeros(())),
    "square": lambda x: x * x,
    "square by name": lambda x: x.square(),
    "power": lambda x: x**2,
    "power of floats": lambda x: x.abs() ** 1.5,
    "root": lambda x: (x * x).sqrt(),
    "norm": lambda x: x / x.norm(),
    "reciprocal": lambda x: 1 / (x.relu() + 1),
    "softmax": lambda x: x.softmax(1),
    "log-softmax": lambda x: x.log_softmax(1),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "group norm": lambda x: F.group_norm(x, 2),
    "instance norm": F.instance_norm,
    "batch statistics": lambda x: F.batch_norm(x, None, None, training=True),
    "local response": lambda x: F.local_response_norm(x, 2),
    "normalize": F.normalize,
    "sine": torch.sin,
    "max": lambda x: x - x.max(),
    "argument of the largest": lambda x: x * F.one_hot(x.argmax(1), 4).permute(0, 3, 1, 2),
    "gate": lambda x: x * x.mean((2, 3), keepdim=True),
    "gate of detached values": lambda x: x * x.detach().mean((2, 3), keepdim=True),
    "mask of detached values": lambda x: x * (x.detach() > 0),
    "mask of data": lambda x: x * x.data.gt(0).float(),
    "mask without gradient": lambda x: x * torch.no_grad()(lambda values: values > 0)(x),
    "mask in place": lambda x: x.clone().mul_(x > 0),
    "mask by name": lambda x: torch.mul(input=x, other=torch.gt(input=x, other=0)),
    "mask written": written_into,
    "mask through a list": lambda x: x * torch.tensor((x.detach() > 0).tolist()),
    "mask through truth": lambda x: x * torch.tensor([bool(value > 0) for value in x.flatten()]).view_as(x),
    "mask written into a view of it": lambda x: x * view_of_zeros(x, lambda view: view.copy_((x > 0).flatten())),
    "mask written into parts": lambda x: x * view_of_zeros(x, lambda view: view[:].masked_fill_((x > 0).flatten(), 1)),
    "number that leaves": lambda x: x / x.abs().max().item(),
    "mask by index": chosen,
    "division by values": lambda x: x / (x.detach().abs() + 1),
    "weights of its own": lambda x: F.conv2d(x, x.mean((0, 2, 3)).expand(4, 4)[:, :, None, None]),
    "matrix product": lambda x: x @ x.transpose(2, 3),
    "einsum": lambda x: torch.einsum("bchw,bchw->bchw", x, x.detach().sign()),
    "where with detached values": lambda x: torch.where(x.detach() > 0, x, torch.zeros(())),
    "fused": lambda x: F.scaled_dot_product_attention(x, x, x),
    "written into a view": lambda x: view_written(x, lambda part: part.clamp_(min=0)),
    "square written into a part": lambda x: view_written(x, lambda part: part[:3].pow_(2)),
    "leaky written into a view": lambda x: view_written(x, lambda part: F.leaky_relu(part, 0.1, inplace=True)),
    "mask written into a view": lambda x: view_written(x, lambda part: part.__setitem__(part < 0, 0)),
    "scripted mask": scripted,
    "constant by the image": lambda x: torch.tensor(1.0) / (1 + x),
    "mask as a new tensor": lambda x: x * x.new_tensor((x.detach() > 0).tolist()),
    "mask by dlpack": lambda x: x * torch.from_dlpack((x.detach() > 0).float()),
    "behind autograd": lambda x: (x.data.clamp_(min=0), x)[1],
    "without autograd": lambda x: (torch.no_grad()(x.clamp_)(min=0), x)[1],
    "amax": lambda x: torch.stack([x, torch.zeros_like(x)]).amax(0),
}


class OneLayer(nn.Module):
    def __init__(self, activation):
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(1, 4, 3)
        self.linear = nn.Linear(4 * 36, 2)
        self.activation = activation

    def forward(self, images):
        return self.linear(self.activation(self.convolution(images)).flatten(1))


IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("activation", WRITTEN.values(), ids=WRITTEN)
def test_every_relu_is_guided(activation):
    network = OneLayer(activation)
    before = network.convolution(IMAGES)
    signal = network.linear.weight[0].view(4, 6, 6).clamp_min(0) * (before > 0)
    expected = F.conv_transpose2d(signal, network.convolution.weight)
    torch.testing.assert_close(GuidedBackprop()(network, IMAGES).maps[:, 0], expected)


@pytest.mark.parametrize("activation", NOT_GUIDED.values(), ids=NOT_GUIDED)
def test_other_activations_are_refused_by_name(activation):
    mixed = OneLayer(lambda values: activation(F.relu(values) - 0.1))
    with pytest.raises(
        InputError, match=r"guided backprop is defined for ReLU networks; OneLayer has other activations: [A-Za-z_]"
    ):
        GuidedBackprop()(mixed, IMAGES[:1])


def logged(values):
    """Numbers that are looked at and come back nowhere."""
    assert not torch.isnan(values.detach()).any().item()
    seen = [
        float(values.detach().mean()),
        values.detach().cpu().numpy().sum(),
        values.detach().max().item(),
        values.detach().tolist(),
    ]
    return values if seen else values * 2


def parts_written(values):
    out = torch.zeros_like(values)
    out[:, :2] = values[:, 2:]
    return out


KEPT = nn.Parameter(torch.rand(4, 4, 1, 1)) * 2
"""No leaf, and no function of the image."""

LINEAR = {
    "sum with itself": lambda x: x + x.flip(2),
    "difference from the mean": lambda x: x - x.mean((2, 3), keepdim=True),
    "side by side": lambda x: torch.cat([x[:, :2], x[:, 2:] * 2], 1),
    "stacked": lambda x: torch.stack([x, x], 2).mean(2),
    "batch norm": nn.BatchNorm2d(4).eval(),
    "dropout": lambda x: F.dropout(x, training=False),
    "average pooling": lambda x: F.avg_pool2d(x, 3, 1, 1),
    "max pooling": lambda x: F.max_pool2d(x, 3, 1, 1),
    "pooling to a size": lambda x: F.adaptive_max_pool2d(x, 3).repeat(1, 1, 2, 2),
    "enlarged": lambda x: F.interpolate(x[..., ::2, ::2], scale_factor=2, mode="bilinear"),
    "padded": lambda x: F.pad(x[..., 1:, 1:], (1, 0, 1, 0), mode="reflect"),
    "constants of its shape": lambda x: x * torch.ones_like(x) * x.new_full((1,), 2),
    "written": lambda x: torch.zeros_like(x).copy_(x),
    "parts written": parts_written,
    "in place": lambda x: x.clone().mul_(2).add_(x),
    "grouped": lambda x: F.conv2d(x, torch.ones(4, 1, 1, 1), groups=4),
    "transposed": lambda x: F.conv_transpose2d(x, torch.ones(4, 4, 1, 1)),
    "einsum with weights": lambda x: torch.einsum("bchw,kc->bkhw", x, torch.ones(4, 4)),
    "shuffled": lambda x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2),
    "weights that are computed": lambda x: F.conv2d(x, (nn.Parameter(torch.ones(4, 4, 1, 1)) ** 2).tanh()),
    "channels shuffled": lambda x: F.channel_shuffle(x, 2),
    "turned": lambda x: torch.rot90(x, 1, (2, 3)),
    "masked by constants": lambda x: x.masked_fill(torch.eye(6).bool(), 0.0),
    "chosen by constants": lambda x: torch.where(torch.eye(6).bool(), x, torch.zeros(())),
    "triangle": torch.tril,
    "written by index": lambda x: torch.zeros_like(x).index_copy(1, torch.tensor([3, 2, 1, 0]), x),
    "sampled": lambda x: F.grid_sample(
        x, F.affine_grid(torch.eye(2, 3).expand(len(x), 2, 3), [len(x), 4, 6, 6], False), align_corners=False
    ),
    "weights kept from outside": lambda x: F.conv2d(x, KEPT),
    "constants of its type": lambda x: (
        (x - torch.tensor(0.1).to(x)) / torch.tensor(2.0).type_as(x) * x.new_tensor([3.0])
    ),
    "constants of its shape by name": lambda x: x * torch.tensor(2.0).expand_as(x),
    "weights of its type": lambda x: F.conv2d(x, torch.ones(4, 4, 1, 1).to(x)),
    "between two": lambda x: torch.lerp(x, x.flip(2), 0.5) + torch.broadcast_tensors(x, x.flip(3))[1],
    "logged": logged,
    "operators of its own": lambda x: torch.ops.aten.add.Tensor(x, x),
    "a look at values": lambda x: x if x.isfinite().all() else x * 2,
}


@pytest.mark.parametrize("linear", LINEAR.values(), ids=LINEAR)
def test_what_is_linear_or_a_pooling_goes_back_as_it_is(linear):
    network = OneLayer(lambda values: linear(F.relu(values)))
    before = network.convolution(IMAGES)
    activations = F.relu(before).detach().requires_grad_()
    (signal,) = torch.autograd.grad(network.linear(linear(activations).flatten(1))[:, 0].sum(), activations)
    expected = F.conv_transpose2d(signal.clamp_min(0) * (before > 0), network.convolution.weight)
    torch.testing.assert_close(GuidedBackprop()(network, IMAGES).maps[:, 0], expected)


@pytest.mark.parametrize("activation", NOT_GUIDED.values(), ids=NOT_GUIDED)
def test_deconvnet_and_noise_masks_refuse_the_same(activation):
    class Network(Classifier):
        def __init__(self) -> None:
            super().__init__(ImageSpec.of(1, 8, 2))
            self.layer = OneLayer(lambda values: activation(F.relu(values) - 0.1))

        def forward(self, images):
            return self.layer(images)

    with pytest.raises(InputError, match="a deconvnet is defined for ReLU networks"):
        Deconvnet()(Network(), IMAGES[:1])
    with pytest.raises(InputError, match="a noise mask is defined for ReLU networks"):
        check_can_be_masked(Network(), IMAGES[:1])


def test_a_network_without_relus_is_refused():
    with pytest.raises(InputError, match="none was seen in OneLayer"):
        GuidedBackprop()(OneLayer(nn.Identity()), IMAGES)


def test_gradients_outside_are_not_guided_afterwards():
    GuidedBackprop()(OneLayer(F.relu), IMAGES)
    values = torch.tensor([1.0, -1.0], requires_grad=True)
    F.relu(values).sum().neg().backward()
    assert values.grad.tolist() == [-1.0, 0.0]


def test_hooks_of_the_user_change_nothing():
    network = OneLayer(nn.ReLU())
    expected = GuidedBackprop()(network, IMAGES).maps
    network.convolution.register_full_backward_hook(lambda *_: None)
    network.activation.register_forward_hook(
        lambda _module, _given, values: values.register_hook(lambda _: None) and None
    )
    torch.testing.assert_close(GuidedBackprop()(network, IMAGES).maps, expected)
