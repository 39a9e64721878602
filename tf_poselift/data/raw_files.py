"""What was found of a data set's raw files, and what is missing.

Every builder module has `check(folder) -> Findings`. `datasets/check.py` prints
them, and the builder refuses to start without what must be there, both by the
same code.
"""

import dataclasses
import pathlib

import tensorflow_datasets as tfds

_SHOWN = 12


@dataclasses.dataclass(frozen=True)
class Findings:
    """What lies in a folder of raw files.

    Attributes:
      found: what is there and will be built, a line each: "S1: 30 takes".
      missing: what must be there and is not, a line each, with where to get
        it.
      notes: what else a user should know: what is left out, and why.
    """

    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def require(self, folder, instructions: str) -> None:
        """Refuses an incomplete folder.

        Args:
          folder: that was looked at.
          instructions: the tree that must be there, and where it comes from.

        Raises:
          FileNotFoundError: lists what is missing.
        """
        if self.missing:
            rest = len(self.missing) - _SHOWN
            lines = [f"  - {line}" for line in self.missing[:_SHOWN]]
            lines += [f"  - and {rest} more"] if rest > 0 else []
            raise FileNotFoundError(
                f"{folder} is not complete. Missing:\n"
                + "\n".join(lines)
                + f"\n{instructions}"
            )

    def report(self) -> str:
        """Returns all of it as text."""
        parts = (
            ("found", self.found),
            ("missing", self.missing),
            ("note", self.notes),
        )
        return "\n".join(
            f"{title:>8}  {line}" for title, lines in parts for line in lines
        )


def manual_folder(
    dl_manager: tfds.download.DownloadManager,
) -> pathlib.Path | None:
    """Returns the folder that the user named, or None.

    Without `--manual_dir` TFDS looks into a folder that all data sets share:
    that is no answer to the question where this one's files are.

    Raises:
      FileNotFoundError: a folder that the user named and that is not there, or
        empty.
    """
    default = dl_manager.download_dir / "manual"
    try:
        folder = dl_manager.manual_dir
    except AssertionError as error:  # TFDS: not there, or empty
        if str(default) in str(error):
            return None
        raise FileNotFoundError(str(error)) from error
    return None if folder == default else pathlib.Path(folder)
