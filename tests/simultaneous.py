"""Commands that start at the same moment, each in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sample import ROOT

DRIVER = """
import multiprocessing, os, runpy, sys
import pytorch_lightning, torch, torchvision.datasets, gcm.draw, gcm.training.trainer  # once, and not in each process

def run(number, words, barrier):
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{number}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
    sys.argv = [sys.argv[1], *words]
    barrier.wait()
    runpy.run_path(sys.argv[0], run_name="__main__")

def main():
    context = multiprocessing.get_context("fork")
    commands = eval(sys.argv[2])
    barrier = context.Barrier(len(commands))
    jobs = [context.Process(target=run, args=(*job, barrier)) for job in enumerate(commands)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    print([job.exitcode for job in jobs])

if __name__ == "__main__":
    main()
"""


@dataclass
class Ended:
    """How one of them ended."""

    code: int
    out: str
    err: str


def simultaneously(commands: Sequence[Sequence[str]], directory: Path) -> list[Ended]:
    """`python train.py …` for each list of words, in `directory`; what they say goes to files in it and comes back."""
    words = [[*command, "trainer.enable_progress_bar=false"] for command in commands]
    driver = [sys.executable, "-c", DRIVER, str(ROOT / "train.py"), repr(words)]
    said = subprocess.run(driver, cwd=directory, capture_output=True, text=True, check=True, timeout=600).stdout
    return [
        Ended(code, *((directory / f"{number}.{name}").read_text() for name in ("out", "err")))
        for number, code in enumerate(eval(said.splitlines()[-1]))
    ]
