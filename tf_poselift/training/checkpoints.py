"""Checkpoints: networks, averages, optimizers, step; written whole or not."""

import os
import pathlib
import re

import tensorflow as tf

from tf_poselift.methods import base
from tf_poselift.training import writing

_NAME = "checkpoint"  # of the files, and of the one that lists them


class Checkpoints:
    """The checkpoints of one run folder.

    TensorFlow writes a checkpoint's files first and names it in the folder's
    `checkpoint` file last, by rename: a run that is killed in between goes on
    from the one before. Where that file is lost or empty, all that lie there
    count.

    Args:
      method: whose networks, averages and optimizers are kept.
      workdir: the run folder.
      keep: how many of the newest are kept; None keeps all.
      folder: of the checkpoints, in the run folder.
    """

    def __init__(
        self,
        method: base.PoseLifter,
        workdir: str | os.PathLike,
        *,
        keep: int | None = 3,
        folder: str = "checkpoints",
    ):
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        # Lists of variables, not the models: TensorFlow does not find a Keras
        # layer's non-trainable variables (batch norm) by itself.
        self._checkpoint = tf.train.Checkpoint(
            step=self._step,
            **{
                name: [v.value for v in network.variables]
                for name, network in method.networks.items()
            },
            **{
                f"{name}_optimizer": [v.value for v in optimizer.variables]
                for name, optimizer in method.optimizers.items()
            },
            **{
                f"{name}_average": [v.value for v in average.variables]
                for name, average in method.averages.items()
            },
        )
        self._folder = pathlib.Path(workdir) / folder
        self._keep = keep
        self._manager = None

    def save(self, step: int) -> str:
        """Writes a checkpoint and returns its path.

        Raises:
          OSError: it could not be written; those before are intact.
        """
        self._step.assign(step)
        with writing.into(self._folder):
            if self._manager is None:
                self._manager = self._make_manager()
            return self._manager.save(checkpoint_number=step)

    def restore(self, path: str | None = None) -> int:
        """Restores `path` or the newest checkpoint; returns its step, or 0.

        A newest checkpoint that is damaged is passed over for the one before,
        saying so; so is a first one that was never finished.

        Raises:
          ValueError: the checkpoint is of another configuration, or damaged.
          FileNotFoundError: there is none at `path`.
        """
        if path is not None:
            path = path.removesuffix(".index")
            if not pathlib.Path(f"{path}.index").is_file():
                raise FileNotFoundError(f"No checkpoint at {path}.")
            return self._restore(path)
        paths = self._listed()
        is_lost = paths is None
        if is_lost:
            paths = self._found()
            if paths:
                print(
                    f"{self._folder / _NAME} is lost or empty: going by the "
                    f"{len(paths)} checkpoint(s) beside it."
                )
        for newest in reversed(paths):
            try:
                return self._restore(newest)
            except Damaged as error:
                print(f"{error} Trying the one before.")
        if is_lost and len(paths) == 1:
            print("There is none before: it was the first, never finished.")
        elif paths:
            raise ValueError(
                f"All checkpoints in {self._folder} are damaged. Train in "
                "another `--workdir`."
            )
        return 0

    def _make_manager(self) -> tf.train.CheckpointManager:
        """Names again what was lost, so that it is known which are old."""
        found = self._found()
        if found and self._listed() is None:
            lines = [f'model_checkpoint_path: "{pathlib.Path(found[-1]).name}"']
            for path in found:
                written = pathlib.Path(f"{path}.index").stat().st_mtime
                lines += [
                    f'all_model_checkpoint_paths: "{pathlib.Path(path).name}"',
                    f"all_model_checkpoint_timestamps: {written}",
                ]
            temporary = self._folder / f"{_NAME}.part"
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
            temporary.replace(self._folder / _NAME)
        return tf.train.CheckpointManager(
            self._checkpoint,
            str(self._folder),
            max_to_keep=self._keep,
            checkpoint_name=_NAME,
        )

    def _listed(self) -> list[str] | None:
        """The checkpoints that are named, oldest first; None: that is lost."""
        path = self._folder / _NAME
        # A machine that loses power can leave a file empty, or full of zeros.
        if not path.exists() or not path.read_bytes().strip(b"\0\n "):
            return None
        try:
            state = tf.train.get_checkpoint_state(str(self._folder))
        except ValueError:
            state = None
        if state is None:
            raise ValueError(
                f"{path} must list the checkpoints beside it. Received: a file "
                "that cannot be read. Delete it to go by the checkpoints that "
                "are there."
            )
        return list(state.all_model_checkpoint_paths)

    def _found(self) -> list[str]:
        """The checkpoints whose files are there, oldest first."""
        steps = [
            int(match[1])
            for path in self._folder.glob(f"{_NAME}-*.index")
            if (match := re.fullmatch(rf"{_NAME}-(\d+)", path.stem))
        ]
        return [str(self._folder / f"{_NAME}-{step}") for step in sorted(steps)]

    def _restore(self, path: str) -> int:
        try:
            status = self._checkpoint.restore(path)
            status.assert_existing_objects_matched().assert_consumed()
        except (tf.errors.OpError, IndexError) as error:
            raise Damaged(f"The checkpoint {path} is damaged.") from error
        except (ValueError, AssertionError) as error:
            raise ValueError(
                f"The checkpoint {path} is of another configuration than the "
                f"model: {str(error).splitlines()[0]}"
            ) from error
        return int(self._step)


class Damaged(ValueError):
    """A checkpoint whose files cannot be read."""
