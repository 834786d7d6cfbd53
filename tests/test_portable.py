"""Explaining needs nothing that only POSIX systems have."""

import subprocess
import sys

from sample import ROOT

POSIX_ONLY = ("fcntl", "grp", "pwd", "resource", "syslog", "termios", "tty", "pty")
WITHOUT = f"import sys; sys.path.append({str(ROOT / 'tests')!r}); sys.modules.update(dict.fromkeys({POSIX_ONLY}))\n"
"""Each import of them fails from then on."""

EXPLAIN = """
import torch, gcm
from gcm import data, metric, rendering
from shipped import digits_like, fitting

for name in ("gcm_digits", "cnn_digits", "tiny_lenet_digits"):
    network = gcm.load(name)
    images, labels = digits_like(network.spec, 4), torch.arange(4)
    for visualizer, method in fitting(network).items():
        explanation = method(network, images)
        for render in (rendering.Raw(), rendering.Product(), rendering.Blend(), rendering.Absolute()):
            decline = metric.DeclineRatio()
            decline.update(render(explanation.maps, images), explanation.logits, labels)
            assert decline.compute().n == 4
        print(visualizer)
"""


def test_networks_are_explained_and_measured_without_posix():
    end = subprocess.run([sys.executable, "-c", WITHOUT + EXPLAIN], capture_output=True, text=True, timeout=120)
    assert end.returncode == 0, end.stderr
    assert {"gcm", "grad_cam", "guided_backprop", "lrp", "occlusion", "smooth_grad"} <= set(end.stdout.split())


def test_the_modules_are_really_gone():
    end = subprocess.run([sys.executable, "-c", WITHOUT + "import fcntl"], capture_output=True, text=True)
    assert "ModuleNotFoundError: import of fcntl halted" in end.stderr


def test_no_file_of_ours_imports_them():
    for path in (ROOT / "gcm").rglob("*.py"):
        text = path.read_text()
        assert not [name for name in POSIX_ONLY if f"import {name}\n" in text or f"from {name} " in text], path


def test_locks_are_imported_where_something_is_written():
    code = "import sys, gcm.cli.run_directory, gcm.data.torchvision_data; assert 'filelock' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
