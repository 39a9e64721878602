"""Says whether a data set's raw files are complete, before it is built.

python datasets/check.py --dataset=human36m --manual_dir=RAW

Lists what was found, what is missing and where to get it. The builders use the
same code.
"""

import importlib
import pathlib
import sys
import textwrap

import build  # the script beside this one, and its flags
from absl import app
from absl import flags

FLAGS = flags.FLAGS  # `dataset` and `manual_dir` of build.py


def check(name: str, manual_dir: str | None) -> bool:
    """Prints what was found of one data set; returns whether it is enough."""
    builder = build.builder_class(name)
    module = importlib.import_module(builder.__module__)
    try:
        folder = build.manual_folder(name, manual_dir)
    except FileNotFoundError as error:
        print(error)
        folder = None
    findings = module.check(pathlib.Path(folder) if folder else None)
    print(f"{name}: {folder or 'no folder given'}\n{findings.report()}")
    if findings.missing:
        instructions = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
        print(f"\n{textwrap.indent(instructions.strip(), '  ')}\n")
    return not findings.missing


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    try:
        whole = [check(name, FLAGS.manual_dir) for name in FLAGS.dataset]
    except build.ERRORS as error:
        sys.exit(f"error: {error}")
    sys.exit(not all(whole))


if __name__ == "__main__":
    app.run(main)
