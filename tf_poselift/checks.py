"""One wording for errors about shapes and values.

Every message says what must hold (in backticks), what was received and, where
there is one, the next step.
"""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np


def check_shape(name: str, value, expected: Sequence[int | None]) -> None:
    """Checks the last axes of an array or tensor; leading axes are free.

    Args:
      name: the argument's name.
      value: anything with a `shape` (NumPy array, tensor, variable).
      expected: sizes of the last axes; None accepts any size. Sizes that a
        tensor does not know yet (None) pass.

    Raises:
      ValueError: if the rank is too low or a known size differs.
    """
    shape = tuple(value.shape)
    tail = shape[len(shape) - len(expected) :]
    fits = len(shape) >= len(expected) and all(
        want is None or got is None or got == want
        for want, got in zip(expected, tail, strict=True)
    )
    if not fits:
        sizes = ", ".join("*" if n is None else str(n) for n in expected)
        raise ValueError(
            f"`{name}` must have shape [..., {sizes}]. Received: {shape}."
        )


def check_finite(name: str, value: np.ndarray) -> None:
    """Raises ValueError with the first offending position if any is NaN/inf."""
    bad = ~np.isfinite(value)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"`{name}` must be finite. Received: {value[where]} at {where} "
            f"({int(bad.sum())} of {value.size} values). Give missing joints "
            "score 0 and any finite position."
        )


def check_number(
    name: str,
    value: float,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
) -> None:
    """Raises ValueError unless a number lies within the bounds given.

    Args:
      name: what the number is called.
      value: not NaN.
      above: must be exceeded.
      least: may be reached.
      most: may be reached.
    """
    bounds = [
        (f"above {above}", above is None or value > above),
        (f"at least {least}", least is None or value >= least),
        (f"at most {most}", most is None or value <= most),
    ]
    if not all(holds for _, holds in bounds):
        given = [text for text, _ in bounds if not text.endswith("None")]
        raise ValueError(
            f"`{name}` must be {' and '.join(given)}. Received: {value}."
        )


def check_member(name: str, value: str, known: Iterable[str]) -> None:
    """Raises ValueError that lists the known values if `value` is none."""
    known = sorted(known)
    if value not in known:
        raise ValueError(
            f"Unknown {name} `{value}`. Known: {', '.join(known)}."
        )
