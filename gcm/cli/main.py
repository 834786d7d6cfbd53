"""The program: what the commands `gcm` and `python -m gcm` do, and `python train.py` in a checkout."""

import sys

import hydra

from gcm.cli.command_line import one_line_errors, run, until_the_end
from gcm.cli.quoting import refuse_options
from gcm.command import CONFIGS, GCM, started_by
from gcm.launch import first_alone


def main(command: str = GCM) -> None:
    """Do what the command line says; messages name `command`. A user's mistake ends the program with one line."""
    started_by(command)
    with one_line_errors(), first_alone(), until_the_end:
        refuse_options(sys.argv[1:])
        hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")(run)()
