"""The door in a checkout, `python train.py --help`; where the package is installed, the command is `gcm`."""

from gcm.cli.main import main
from gcm.command import TRAIN_PY

if __name__ == "__main__":
    main(TRAIN_PY)
