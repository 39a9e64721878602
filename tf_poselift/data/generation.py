"""Builders of large data sets: plain by default, with Apache Beam if asked."""

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import tensorflow_datasets as tfds


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder whose records Apache Beam makes where a runner is given.

    `datasets/build.py --beam` and `tfds build --beam_pipeline_options=...` give
    one. It needs `pip install -e '.[build]'`; the records are the same.
    """

    _beam = False

    def download_and_prepare(
        self,
        *,
        download_config: tfds.download.DownloadConfig | None = None,
        **kwargs: Any,
    ) -> None:
        """See TFDS; notes whether `download_config` names a Beam runner."""
        config = download_config or tfds.download.DownloadConfig()
        self._beam = bool(config.beam_runner or config.beam_options)
        super().download_and_prepare(download_config=config, **kwargs)

    def make_examples(
        self,
        items: Iterable[Any],
        make: Callable[[Any], tuple[str, dict[str, Any]]],
    ):
        """Returns what `_generate_examples` must return.

        Args:
          items: what records are made of, say paths; Beam sends them to its
            workers.
          make: turns an item into (clip id, record); Beam pickles it.
        """
        if not self._beam:
            return map(make, items)
        beam = tfds.core.lazy_imports.apache_beam
        # Without a reshuffle all items may go to one worker.
        return beam.Create(list(items)) | beam.Reshuffle() | beam.Map(make)
