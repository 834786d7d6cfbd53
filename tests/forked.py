"""Commands in forked processes, which need not import everything again: `python train.py …` in a second, to be killed.

Run as a program this is the server: it forks for each line that it reads, `{"words": […], …}`, and says
how the process ended.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMPORTED = ("gcm.task.train", "gcm.task.all", "gcm.task.regions", "gcm.task.noise_mask", "gcm.task.faithfulness",
            "gcm.task.decline_ratio", "gcm.training.checkpoint", "gcm.training.module", "sklearn.datasets",
            "matplotlib.pyplot", "hydra.main", "gcm.cli.command_line")  # fmt: skip


@dataclass
class Ended:
    """How a command ended; `code` is -9 after `kill -9`."""

    code: int
    out: str
    err: str

    @property
    def finished(self) -> bool:
        """Whether it had said its last line, after which a signal just ends the process."""
        return "\nnext: " in self.out


class Forked:
    """The client."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=directory
        )
        self.read()

    def read(self) -> int:
        line = self.server.stdout.readline()
        assert line, "the server has ended"
        return int(line)

    def run(self, *words: str, after: float | None = None, by: int = signal.SIGKILL, **more) -> Ended:
        """Run `python train.py …`; send it a signal `after` so many seconds.

        `at`: kill it while it writes a file; each file has two such moments, half written and just in its place.
        `saved_every`: seconds between two savings of a study.
        """
        request = {"words": [*words, "trainer.enable_progress_bar=false"], "after": after, "by": by, **more}
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        code = self.read()
        return Ended(code, *((self.directory / name).read_text() for name in ("out", "err")))

    def close(self) -> None:
        self.server.stdin.close()
        self.server.wait(timeout=60)
        self.server.stdout.close()


def serve() -> None:
    sys.path.insert(0, str(ROOT))
    for module in IMPORTED:
        __import__(module)
    print(0, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        number = os.fork()
        if number == 0:
            child(request)
        print(ended(number, request["after"], request["by"]), flush=True)


def ended(number: int, after: float | None, by: int) -> int:
    """How a process ended, which gets a signal after a while."""
    until = time.monotonic() + (after or 0)
    done = 0
    while after is not None and not done and time.monotonic() < until:
        time.sleep(0.001)
        done, status = os.waitpid(number, os.WNOHANG)
    if not done:
        if after is not None:
            os.kill(number, by)
        _, status = os.waitpid(number, 0)
    return os.waitstatus_to_exitcode(status)


def child(request: dict) -> None:
    code = 1
    try:
        for name, stream in (("out", 1), ("err", 2)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored in the background of a script
        if "at" in request:
            die_while_writing(request["at"])
        if "saved_every" in request:
            sys.modules["gcm.cli.resume.study"].SAVED_EVERY = request["saved_every"]
        sys.argv = [str(ROOT / "train.py"), *request["words"]]
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def die_while_writing(moment: int) -> None:
    """`kill -9` at the moment of this number: a file half written, or just in its place."""
    import gcm.atomic_write

    write_through, passed = gcm.atomic_write.write_through, 0

    def dying(path: Path) -> None:
        nonlocal passed
        if passed == moment:
            if path.is_file():
                os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1
        write_through(path)

    gcm.atomic_write.write_through = dying


if __name__ == "__main__":
    serve()
