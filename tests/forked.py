"""Commands in forked processes, which need not import everything again: `python train.py …` in a second, to be killed.

Run as a program this is the server: it forks for each line that it reads, `{"words": […], "directory": …}`, and says
the process's number and then how it ended.
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
            "matplotlib.pyplot", "hydra.main", "gcm.task.command_line")  # fmt: skip


@dataclass
class Ended:
    """How a command ended; `code` is -9 after `kill -9`."""

    code: int
    out: str
    err: str


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

    def run(
        self, *words: str, after: float | None = None, by: int = signal.SIGKILL, at: int | None = None, **more
    ) -> Ended:
        """Run `python train.py …`; send it a signal `after` so many seconds, or within its writing of a file: `at`
        counts the moments of which each file has two, half written and just in its place.
        """
        request = {"words": [*words, "trainer.enable_progress_bar=false"], "at": at, **more}
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        number = self.read()
        if after is not None:
            time.sleep(after)
            os.kill(number, by)
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
        number = os.fork()
        if number == 0:
            child(json.loads(line))
        print(number, flush=True)
        _, status = os.waitpid(number, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def child(request: dict) -> None:
    code = 1
    try:
        for name, stream in (("out", 1), ("err", 2)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        if request["at"] is not None:
            die_while_writing(request["at"])
        if "saved_every" in request:
            sys.modules["gcm.task.stored_study"].SAVED_EVERY = request["saved_every"]
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
    import gcm.file

    write_through, passed = gcm.file.write_through, 0

    def dying(path: Path) -> None:
        nonlocal passed
        if passed == moment:
            if path.is_file():
                os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1
        write_through(path)

    gcm.file.write_through = dying


if __name__ == "__main__":
    serve()
