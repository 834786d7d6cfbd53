"""Everything starts here: `python train.py --help`."""

import sys

import hydra
from omegaconf import DictConfig

from gcm.cli.command_line import one_line_errors, run, until_the_end
from gcm.cli.quoting import refuse_options
from gcm.launch import first_alone


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(config: DictConfig) -> float | None:
    return run(config)


if __name__ == "__main__":
    with one_line_errors(), first_alone(), until_the_end:
        refuse_options(sys.argv[1:])
        main()
