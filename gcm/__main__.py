"""`python -m gcm`, which is the command `gcm`, also for torchrun: `torchrun … -m gcm …`."""

from gcm.cli.main import main

if __name__ == "__main__":
    main()
