"""Pictures of what a run makes of a split, with or without 3D truth."""

import os
import pathlib

import numpy as np

from tf_poselift.data import reader
from tf_poselift.evaluation import prediction
from tf_poselift.training import run_folder
from tf_poselift.visualization import gallery
from tf_poselift.visualization import skeleton_plots


def draw(
    workdir: str | os.PathLike,
    *,
    dataset: str,
    split: str,
    data_dir: str | None = None,
    checkpoint: str | None = None,
    count: int = 25,
    output: str | os.PathLike,
) -> int:
    """Draws poses of a split, evenly spread over it.

    Args:
      workdir: the run folder; averaged weights where it has them.
      dataset: NAME[/CONFIG][:VERSION], several by comma; its skeleton must map
        to the model's.
      split: its split.
      data_dir: folder of prepared data sets.
      checkpoint: path of a checkpoint; the newest by default.
      count: number of poses, fewer if the split has fewer.
      output: PNG file.

    Returns:
      The number of poses that were drawn.

    Raises:
      FileNotFoundError: no run, checkpoint or prepared data set there.
      ValueError: no map to the model's skeleton, or no pose could be lifted.
    """
    run = run_folder.load(workdir, checkpoint=checkpoint)
    table = reader.read(dataset, split, data_dir, skeleton=run.method.skeleton)
    lifted = prediction.predict(run.method, table)
    usable = np.flatnonzero(lifted.valid)
    if not len(usable):
        raise ValueError(
            "At least one pose must be `valid`. Received: "
            f"{len(lifted.valid)} poses, all with too few joints seen."
        )
    at = np.linspace(0, len(usable) - 1, min(count, len(usable)))
    chosen = usable[at.round().astype(int)]
    rows, views = lifted.rows[chosen], lifted.views[chosen]
    path = pathlib.Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    scores = table.scores[rows, views]
    # What was not seen lies on the root.
    joints_3d = np.where(
        scores[..., np.newaxis] > 0.0, lifted.joints_3d[chosen], np.nan
    )
    picture = gallery.figure(
        table.skeleton,
        keypoints_2d=table.keypoints_2d[rows, views],
        scores=scores,
        joints_3d=joints_3d,
    )
    skeleton_plots.save(picture, path)
    return len(chosen)
