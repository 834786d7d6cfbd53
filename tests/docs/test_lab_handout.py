"""Every command of the shell lab's handout, in the order of the handout, on the embedded digits."""

import os
import re
import shlex
import subprocess

import pytest
from sample import ROOT

HANDOUTS = {name: (ROOT / "docs" / name).read_text() for name in ("lab.md", "lab.ja.md")}
DIGITS = "data=digits data.val_size=200 trainer.max_epochs=6"
FEWER_IMAGES = ("task.images=50", "task.images_per_class=2")
"""For what looks at every step of a training."""
WRITE_DOWN = '#!/bin/sh\nfor word in "$0" "$@"; do printf "%s\\n" "$word"; done >> "$COMMANDS"; echo >> "$COMMANDS"\n'
"""Stands for `python` and `pip`: a word a line, an empty line after each command."""


def blocks(handout: str) -> list[str]:
    return re.findall(r"```bash\n(.*?)```", handout, re.DOTALL)


def commands_of(block: str, directory, bin_directory) -> list[list[str]]:
    """What a shell calls, with its loops and variables resolved."""
    written = directory / "commands.txt"
    written.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PATH": f"{bin_directory}:{os.environ['PATH']}",
        "DATA": DIGITS,
        "COMMANDS": str(written),
    }
    subprocess.run(["bash", "-eu"], input=block, cwd=directory, env=environment, check=True, text=True)
    text = written.read_text() if written.exists() else ""
    return [command.splitlines() for command in text.split("\n\n") if command]


def test_both_languages_have_the_same_commands_and_questions():
    english, japanese = HANDOUTS.values()
    assert blocks(english) == blocks(japanese)
    assert (
        len(re.findall(r"^\*Question \d", english, re.MULTILINE))
        == len(re.findall(r"^\*\*問 \d", japanese, re.MULTILINE))
        == 7
    )
    for name, handout in HANDOUTS.items():
        for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", handout):
            assert (ROOT / "docs" / picture).is_file(), (name, picture)
        assert DIGITS in handout
        assert "@@" not in handout


@pytest.mark.slow
def test_every_command_works(train_py, tmp_path):
    stand_ins = tmp_path / "bin"
    stand_ins.mkdir()
    for name in ("python", "pip"):
        (stand_ins / name).write_text(WRITE_DOWN)
        (stand_ins / name).chmod(0o755)
    done = 0
    for block in blocks(HANDOUTS["lab.md"]):
        for program, *words in commands_of(block, tmp_path, stand_ins):
            if program.endswith("pip"):
                assert f"pip {shlex.join(words)}" in (ROOT / "README.md").read_text()
                continue
            assert words.pop(0) == "train.py"
            every_step = "task=evolution" in words or "experiment=lab_evolution" in words
            end = train_py(*words, *(FEWER_IMAGES if every_step else ()))
            assert end.code == 0, (words, end.err)
            done += 1
    assert done == 1 + 1 + 1 + 1 + 2 + 3 + 1 + 10 + 1 + 1 + 2 + 2 + 1
    assert len(list((tmp_path / "lab/iteration_10").glob("class_*/grad_cam_rectified.png"))) == 10
    for name in ("lab_batch128", "lab_batch10", "lab_lr001"):
        assert (tmp_path / f"lab/figures/{name}_evolution.png").is_file()
