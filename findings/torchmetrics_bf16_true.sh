#!/usr/bin/env bash
# A torchmetrics metric inside a LightningModule, with the trainer's precision="bf16-true".
#
# Guess: the metric goes on counting in float32. torchmetrics guards its states: the docstring of Metric._apply says that
# a change of type "will only happen through the special `set_dtype` method", and module.bfloat16() and .half() leave the
# states alone indeed. So the mean of 60,000 equal losses of 2.3026 is 2.3026, but for the last digits of bfloat16 (2.297).
#
# Seen, with torch 2.14.1, torchmetrics 1.9.0, pytorch-lightning 2.6.6: 4.0. The guard looks for the names of the methods
# in the text of the function that is applied; module.to(torch.bfloat16), which Lightning calls, has another. The states
# become bfloat16: a sum that stands still once it is 256 times as large as what is added, and a count that stands still
# earlier, so that their quotient is no mean of anything.
#
# Who is hurt: whoever logs losses or accuracies by torchmetrics in true half precision. The numbers look like numbers.
# Exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.14.1 torchmetrics==1.9.0 pytorch-lightning==2.6.6
cat > "$work/mean.py" <<'PYTHON'
import logging
import warnings

import pytorch_lightning as lightning
import torch
from torchmetrics import MeanMetric

warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
LOSS, IMAGES, BATCH = 2.3026, 60_000, 125


class Network(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer, self.loss = torch.nn.Linear(1, 1), MeanMetric()

    def test_step(self, batch, _):
        self.loss.update(torch.full((), LOSS, dtype=self.layer.weight.dtype), weight=len(batch[0]))

    def on_test_epoch_end(self):
        self.log("loss", self.loss.compute())


def mean(precision):
    data = torch.utils.data.TensorDataset(torch.zeros(IMAGES, 1))
    trainer = lightning.Trainer(
        accelerator="cpu", precision=precision, logger=False, enable_progress_bar=False, enable_model_summary=False
    )
    network = Network()
    (found,) = trainer.test(network, torch.utils.data.DataLoader(data, BATCH), verbose=False)
    return found["loss"], network.loss.mean_value.dtype


full, half = mean("32-true"), mean("bf16-true")
by_method = Network().bfloat16().loss.mean_value.dtype
print(f"32-true: {full[0]:.4f} counted in {full[1]}")
print(f"bf16-true: {half[0]:.4f} counted in {half[1]}; after module.bfloat16() states are {by_method}")
same = abs(full[0] - LOSS) < 1e-4 and abs(half[0] - LOSS) > 0.5 and half[1] == torch.bfloat16
raise SystemExit(0 if same and by_method == torch.float32 else 1)
PYTHON
"$work/venv/bin/python" "$work/mean.py"
