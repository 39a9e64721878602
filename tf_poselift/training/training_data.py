"""What a training learns from: a table in memory, or a stream of records."""

import dataclasses

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.data import noise as noise_lib
from tf_poselift.data import prepared
from tf_poselift.data import reader
from tf_poselift.data import sampling
from tf_poselift.data import streaming
from tf_poselift.data import tables
from tf_poselift.training import best

_CLIPS_OF_A_STREAM = 8  # in memory


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """A training split as `training.train` is asked to take it; see there."""

    dataset: str
    data_dir: str
    skeleton: str | None
    noise: noise_lib.Noise | None
    seed: int
    flip: bool
    stream: bool
    shuffle_buffer: int

    def check(self, method: str) -> None:
        """Raises ValueError if a stream cannot give what the method needs."""
        module = methods.load(method)
        for wanted, what in (
            (hasattr(module, "statistics"), f"`{method}` (its `statistics`)"),
            (hasattr(module, "derived"), f"`{method}` (its `derived` arrays)"),
            ("," in self.dataset, "several data sets"),
            (bool(self.skeleton), "`skeleton`"),
            (self.noise is not None, "`noise`"),
        ):
            if self.stream and wanted:
                raise ValueError(
                    f"`stream` must be off for {what}: it needs the training "
                    "split as a whole. Train without it, or on a part that "
                    "fits."
                )

    def read(
        self, *, needs_held_out: bool
    ) -> tuple[tables.Table, tables.Table | None]:
        """Returns the split, and the validation clips or None without any.

        Of a stream only a few clips are read, to draw pictures of.

        Raises:
          ValueError: held-out clips are needed, but there are none.
        """
        split = "train"
        if self.stream:
            builder = prepared.open_builder(self.dataset, self.data_dir)
            clips = builder.info.splits["train"].num_examples
            split = f"train[:{min(_CLIPS_OF_A_STREAM, clips)}]"
        wanted = skeletons.load(self.skeleton) if self.skeleton else None
        table = reader.read(self.dataset, split, self.data_dir, skeleton=wanted)
        held_out = best.held_out(self.dataset, self.data_dir, table.skeleton)
        if needs_held_out and held_out is None:
            raise ValueError(
                "`patience` needs a `validation` split of every data set. "
                f"Received: `{self.dataset}`, without."
            )
        if self.noise is not None:
            table = noise_lib.apply(table, self.noise, seed=self.seed)
        return table, held_out

    def batches(
        self, method: str, config, table: tables.Table
    ) -> sampling.Sampler | streaming.Stream:
        """Returns where the batches come from: of `table`, or the stream."""
        module = methods.load(method)
        if not self.stream:
            return make_sampler(
                module, config, table, seed=self.seed, flip=self.flip
            )
        return streaming.Stream(
            self.dataset,
            "train",
            self.data_dir,
            module.batch_spec(config),
            batch_size=config.batch_size,
            seed=self.seed,
            flip=self.flip,
            shuffle_buffer=self.shuffle_buffer,
        )


def make_sampler(
    module, config, table: tables.Table, *, seed: int, flip: bool = False
) -> sampling.Sampler:
    """Returns a sampler of the batches that a method module asks for."""
    derived = getattr(module, "derived", None)
    return sampling.Sampler(
        table,
        module.batch_spec(config),
        batch_size=config.batch_size,
        seed=seed,
        flip=flip,
        derived=derived(table, config) if derived else None,
    )
