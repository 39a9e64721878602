"""How fast raw files become records, records a table, and poses metrics.

Of building only the builder's own code is timed: from raw files to records in
memory. TFDS's encoding comes on top; it is the same for every data set.
"""

import dataclasses
import resource
import tempfile
import time

import numpy as np
import tensorflow_datasets as tfds

from tf_poselift import metrics
from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import reader
from tf_poselift.data import synthetic
from tf_poselift.data import tables
from tf_poselift.data import writer

HUMAN36M_TRAIN = 1_559_752  # frames times views of S1, S5, S6, S7, S8
VIEWS = 4


@dataclasses.dataclass(frozen=True)
class Building:
    """JSON-ready with `dataclasses.asdict`, as are the others."""

    frame_views: int
    seconds: float
    cpu_seconds: float
    frame_views_per_core_second: float
    peak_memory_gib: float  # of this process, whatever it did before


@dataclasses.dataclass(frozen=True)
class Scoring:
    """All metrics of `poses` poses."""

    poses: int
    metrics: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Reading:
    """`seconds` for `frame_views`, and scaled up."""

    frame_views: int
    seconds: float
    seconds_for_human36m: float  # for HUMAN36M_TRAIN at that rate


def building(builder: tfds.core.GeneratorBasedBuilder, manual_dir) -> Building:
    """Makes every record of a data set and drops it.

    Args:
      builder: of a data set whose raw files the user has.
      manual_dir: these files.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as empty:
        manager = tfds.download.DownloadManager(
            download_dir=empty,
            manual_dir=manual_dir,
            manual_dir_instructions=builder.MANUAL_DOWNLOAD_INSTRUCTIONS,
        )
        splits = builder._split_generators(manager)
        frame_views = 0
        for clips in splits.values():
            for _, record in clips:
                frames, views = record[schema.SCORES].shape[:2]
                frame_views += frames * views
    cpu = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    return Building(
        frame_views=frame_views,
        seconds=time.perf_counter() - wall,
        cpu_seconds=cpu,
        frame_views_per_core_second=frame_views / cpu,
        peak_memory_gib=peak / 2**20,
    )


def reading(*, clips: int = 20, frames: int = 2500) -> Reading:
    """Writes `human36m_17` clips in 4 views with 3D, and reads them.

    The files are still in the system's cache when they are read.

    Args:
      clips: 156 are as many as Human3.6M's training split.
      frames: of a clip.
    """
    clip = synthetic.table(
        skeletons.load("human36m_17"), clips=1, frames=frames, views=VIEWS
    )
    many = tables.concatenate(
        [
            dataclasses.replace(clip, clip_id=(f"clip_{number:04}",))
            for number in range(clips)
        ]
    )
    with tempfile.TemporaryDirectory() as data_dir:
        dataset = writer.write({"train": many}, data_dir, name="benchmark")
        del many
        start = time.perf_counter()
        table = reader.read(dataset, "train", data_dir)
        seconds = time.perf_counter() - start
    frame_views = table.num_rows * table.num_views
    return Reading(
        frame_views=frame_views,
        seconds=seconds,
        seconds_for_human36m=seconds * HUMAN36M_TRAIN / frame_views,
    )


def scoring(*, poses: int = 100_000) -> Scoring:
    """Computes every metric of made-up poses of `human36m_17`."""
    skeleton = skeletons.load("human36m_17")
    generator = np.random.default_rng(0)
    shape = poses, skeleton.num_joints, 3
    truth = generator.normal(0.0, 300.0, shape).astype(np.float32)
    error = generator.normal(0.0, 100.0, shape).astype(np.float32)
    start = time.perf_counter()
    values = metrics.compute_all(
        truth + error, truth, skeleton=skeleton, metric=True
    )
    return Scoring(
        poses=poses, metrics=len(values), seconds=time.perf_counter() - start
    )
