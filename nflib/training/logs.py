"""What a training writes while it runs: metrics.csv, and the same for TensorBoard."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from ..files import write_bytes
from ..scores import is_score

COLUMNS = ("step", "loss", "validation", "gradient_norm", "lr", "images_per_second", "rollbacks")


class Log:
    """Rows of numbers by step.

    Args:
        folder: gets ``metrics.csv`` and ``tensorboard/``.
        step: what earlier runs logged after this step is forgotten; 0 starts anew.
        more: columns besides the usual ones.
    """

    def __init__(self, folder: Path, step: int = 0, more: Iterable[str] = ()):
        from torch.utils.tensorboard import SummaryWriter

        self.columns = (*COLUMNS, *more)
        path = folder / "metrics.csv"
        kept = []
        if step and path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
            kept = [
                line
                for line in lines
                if line.count(",") == len(self.columns) - 1 and _number(line.split(",")[0]) <= step
            ]
        write_bytes(path, "".join(f"{line}\n" for line in (",".join(self.columns), *kept)).encode())
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, **values: float | None) -> None:
        """Write what is finite; the place of all else stays empty."""
        values = {name: value for name, value in values.items() if is_score(value)}
        row = {"step": step, **values}
        self._file.write(",".join(f"{row[name]:.8g}" if name in row else "" for name in self.columns) + "\n")
        try:
            self._file.flush()
        except OSError as error:
            raise OSError(error.errno, f"cannot be written: {error.strerror}", self._file.name) from error
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        try:
            self._board.close()
        finally:
            self._file.close()


def _number(text: str) -> float:
    """The step of a line; of a damaged one, a step that is never reached."""
    return int(text) if text.isdecimal() else math.inf
