"""Checkpoints: networks, averages, optimizers, step; written whole or not."""

import os
import pathlib

import tensorflow as tf

from tf_poselift.methods import base
from tf_poselift.training import writing


class Checkpoints:
    """The checkpoints of one run folder.

    TensorFlow writes a checkpoint's files first and names it in the folder's
    `checkpoint` file last, by rename: a run that is killed in between goes on
    from the one before.

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
        self._manager = tf.train.CheckpointManager(
            self._checkpoint,
            str(pathlib.Path(workdir) / folder),
            max_to_keep=keep,
            checkpoint_name="checkpoint",
        )

    def save(self, step: int) -> str:
        """Writes a checkpoint and returns its path.

        Raises:
          OSError: it could not be written; those before are intact.
        """
        self._step.assign(step)
        with writing.into(pathlib.Path(self._manager.directory)):
            return self._manager.save(checkpoint_number=step)

    def restore(self, path: str | None = None) -> int:
        """Restores `path` or the newest checkpoint; returns its step, or 0.

        A newest checkpoint that is damaged is passed over for the one before,
        saying so.

        Raises:
          ValueError: the checkpoint is of another configuration, or damaged.
          FileNotFoundError: there is none at `path`.
        """
        if path is not None:
            path = path.removesuffix(".index")
            if not pathlib.Path(f"{path}.index").is_file():
                raise FileNotFoundError(f"No checkpoint at {path}.")
            return self._restore(path)
        folder = pathlib.Path(self._manager.directory)
        paths = self._manager.checkpoints
        if not paths and (folder / "checkpoint").exists():
            raise ValueError(
                f"{folder / 'checkpoint'} must list the checkpoints beside it. "
                "Received: a file that cannot be read. Evaluate one of them "
                "with `--checkpoint`, or train in another `--workdir`."
            )
        for newest in reversed(paths):
            try:
                return self._restore(newest)
            except Damaged as error:
                print(f"{error} Trying the one before.")
        if paths:
            raise ValueError(f"All checkpoints in {folder} are damaged.")
        return 0

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
