"""Networks that explain themselves become files that need no code of ours: ONNX, and PyTorch's exported programs."""

import json
import logging
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from gcm.atomic_write import write_bytes, write_whole
from gcm.error import InputError
from gcm.model import Interpretable, evaluation_mode
from gcm.zoo.card import Card

Format = Literal["onnx", "torch"]
Outputs = tuple[Tensor, Tensor]
NAMES = ("logits", "contributions")
FIRST_TORCH_FOR_ONNX = "2.7"
EXAMPLES = 2
"""Images by which a network is traced; with one, PyTorch would fix their number."""


class WithContributions(nn.Module):
    """Takes images `(B,C,H,W)`, float32 in [0,1], to logits `(B,K)` and what each part adds to them, `(B,K,…)`."""

    def __init__(self, network: Interpretable) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Outputs:
        found = self.network.contributions(images)
        return found.logits, found.parts


def exported(network: Interpretable) -> torch.export.ExportedProgram:
    """Export a network in evaluation mode, for any number of images of the spec's size.

    The program says nothing of the files of its code.
    """
    images = torch.zeros(EXAMPLES, *network.spec.shape)
    batch = torch.export.Dim("batch", min=1, max=2**31 - 1)
    with torch.no_grad(), evaluation_mode(network):
        program = torch.export.export(
            WithContributions(network), (images,), dynamic_shapes={"images": {0: batch}}, strict=False
        )
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)
    return program


def write_onnx(network: Interpretable, card: Card, path: Path) -> None:
    """Write a network as ONNX, with the card as metadata, without what is one machine's own.

    Raises `InputError` where torch is too old or ONNX is not installed.
    """
    if torch.__version__ < FIRST_TORCH_FOR_ONNX:
        raise InputError(f"task.formats=[onnx] needs torch {FIRST_TORCH_FOR_ONNX} or newer, got {torch.__version__}")
    try:
        import onnxscript  # noqa: F401  # torch.onnx needs it, and would say so in many lines
    except ModuleNotFoundError:
        raise InputError('task.formats=[onnx] needs ONNX: pip install -e ".[export]"') from None
    for name in ("onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.WARNING)
    program = torch.onnx.export(exported(network), input_names=["images"], output_names=list(NAMES), verbose=False)
    assert program is not None
    program.model.metadata_props["card"] = json.dumps(card.anywhere().to_dict())
    write_whole(path, lambda partial: program.save(str(partial)))


def onnx_outputs(path: Path) -> Callable[[Tensor], Outputs]:
    """Return a function that computes logits and contributions of images by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def outputs(images: Tensor) -> Outputs:
        logits, contributions = session.run(list(NAMES), {"images": images.numpy()})
        return torch.from_numpy(logits), torch.from_numpy(contributions)

    return outputs


def write_torch(network: Interpretable, card: Card, path: Path) -> None:
    """Write a network as `torch.export.load` reads it, with the card beside the program, without what is one machine's
    own.
    """
    files = {"card": json.dumps(card.anywhere().to_dict())}
    content = BytesIO()  # on a full disk the file would raise a RuntimeError of many lines
    torch.export.save(exported(network), content, extra_files=files)
    write_bytes(path, content.getvalue())


def torch_outputs(path: Path) -> Callable[[Tensor], Outputs]:
    module = torch.export.load(path).module()

    def outputs(images: Tensor) -> Outputs:
        with torch.no_grad():
            logits, contributions = module(images)
        return logits, contributions

    return outputs


WRITERS: Mapping[Format, Callable[[Interpretable, Card, Path], None]] = {"onnx": write_onnx, "torch": write_torch}
READERS: Mapping[Format, Callable[[Path], Callable[[Tensor], Outputs]]] = {"onnx": onnx_outputs, "torch": torch_outputs}
ENDINGS: Mapping[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}
