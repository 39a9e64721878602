"""What a `BatchSpec` means for rows, views and axes.

Shared by drawing from a table (`sampling`) and by `streaming`.
"""

import tensorflow as tf

from tf_poselift import schema


def check_spec(
    spec: schema.BatchSpec,
    *,
    views: int,
    joints_3d: bool,
    cameras: bool,
    flip: bool,
    where: str,
) -> None:
    """Checks that the data named in `where` have what a spec asks for.

    Raises:
      ValueError: too many views, no 3D, no cameras, an impossible range of
        frame offsets, or a flip of what cannot be flipped.
    """
    if spec.views is not None and not 1 <= spec.views <= views:
        raise ValueError(
            f"`views` must be 1 to {views}, the views of {where}. Received: "
            f"{spec.views}."
        )
    if not 0.0 <= spec.labelled_share <= 1.0:
        raise ValueError(
            "`labelled_share` must lie in [0, 1]. Received: "
            f"{spec.labelled_share}."
        )
    asked_3d = spec.joints_3d or spec.labelled_share
    for name, asked, given in (
        (schema.JOINTS_3D, asked_3d, joints_3d),
        (schema.CAMERAS, spec.cameras, cameras),
    ):
        if asked and not given:
            raise ValueError(
                f"The method needs `{name}`. Received: {where}, without."
            )
    for offset in spec.frames:
        if not isinstance(offset, int) and not 0 <= offset[0] <= offset[1]:
            raise ValueError(
                "A range of frame offsets must be (low, high) with 0 <= low <= "
                f"high. Received: {offset}."
            )
    if flip and spec.cameras:
        raise ValueError(
            "`flip` must be off for a method that reads cameras: they do not "
            "see the mirrored person where the picture shows it."
        )


def fits(spec: schema.BatchSpec, row, first, last):
    """Returns where a clip of rows first ... last has all frame offsets.

    Args:
      spec: the batch specification; of a range only the low end must fit.
      row: integers, array or tensor, the rows in question.
      first: first row of their clip.
      last: last row of their clip.
    """
    lowest = [o if isinstance(o, int) else o[0] for o in spec.frames]
    return (row + min(lowest) >= first) & (row + max(lowest) <= last)


def frame_rows(
    spec: schema.BatchSpec, row: tf.Tensor, last: tf.Tensor, chance: tf.Tensor
) -> tf.Tensor:
    """Returns the rows [B, T] at the spec's frame offsets.

    Args:
      spec: the batch specification with T frames.
      row: [B] int64, rows that `fits` accepts.
      last: [B] int64 last row of their clip: ranges are cut off there.
      chance: [B, T] in [0, 1), decides the random offsets.
    """
    rows = []
    for i, offset in enumerate(spec.frames):
        if isinstance(offset, int):
            rows.append(row + offset)
            continue
        low, high = offset
        choices = tf.minimum(last - row, high) - low + 1
        drawn = tf.floor(chance[:, i] * tf.cast(choices, tf.float32))
        rows.append(row + low + tf.cast(drawn, tf.int64))
    return tf.stack(rows, axis=1)


def squeeze(spec: schema.BatchSpec, value: tf.Tensor) -> tf.Tensor:
    """Drops from [B, T, V, ...] the axes T and V that the spec lacks."""
    if spec.views == 1:
        value = value[:, :, 0]
    return value[:, 0] if len(spec.frames) == 1 else value
