import dataclasses
import typing

import pytest

from tf_poselift import config


@dataclasses.dataclass(frozen=True)
class Example:
    width: int = 1024
    rate: float = 2e-4
    facing: bool = True
    name: str = "kudo"
    limit: float | None = None
    loss: typing.Literal["l1", "l2"] = "l1"
    frames: tuple[int, ...] = (0,)
    span: tuple[float, float] = (0.0, 1.0)


@pytest.mark.parametrize(
    "assignment, value",
    [
        ("width=256", 256),
        ("rate=1e-3", 1e-3),
        ("rate=1", 1.0),
        ("facing=false", False),
        ("facing=True", True),
        ("facing=0", False),
        ("name=a=b", "a=b"),
        ("limit=none", None),
        ("limit=0.5", 0.5),
        ("loss=l2", "l2"),
        ("frames=(0, 5)", (0, 5)),
        ("frames=[]", ()),
        ("span=(1, 2.5)", (1.0, 2.5)),
    ],
)
def test_override(assignment, value):
    changed = config.override(Example(), [assignment])
    field = assignment.split("=")[0]
    assert getattr(changed, field) == value
    assert type(getattr(changed, field)) is type(value)
    others = {field: getattr(Example(), field)}
    assert dataclasses.replace(changed, **others) == Example()


def test_the_last_of_several_overrides_counts():
    changed = config.override(Example(), ["width=1", "rate=2", "width=3"])
    assert (changed.width, changed.rate) == (3, 2.0)


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("width", "must be `FIELD=VALUE`. Received: `width`"),
        ("depth=3", "Unknown field `depth` of .*. Known: facing, frames, "),
        ("width=2.5", "`width` must be int. Received: `2.5`"),
        ("width=", "`width` must be int. Received: ``"),
        ("rate=fast", "`rate` must be float. Received: `fast`"),
        ("rate=nan", "`rate` must be finite. Received: `nan`"),
        ("rate=1e999", "`rate` must be finite. Received: `1e999`"),
        ("limit=-inf", "`limit` must be finite. Received: `-inf`"),
        ("span=(0, 1e999)", r"`span` must be .*. Received: `\(0, 1e999\)`"),
        ("facing=yes", "`facing` must be bool. Received: `yes`"),
        ("limit=low", "`limit` must be float or none. Received: `low`"),
        ("loss=l3", "`loss` must be l1 or l2. Received: `l3`"),
        ("frames=5", r"`frames` must be tuple\[int, ...\]. Received: `5`"),
        ("frames=(0.5,)", r"`frames` must be tuple.*. Received: `\(0.5,\)`"),
        ("frames=('a',)", r"`frames` must be tuple"),
        ("span=(1, 2, 3)", r"`span` must be tuple"),
        ("frames=open('x')", "`frames` must be tuple"),
    ],
)
def test_refusals(assignment, message):
    with pytest.raises(ValueError, match=message):
        config.override(Example(), [assignment])


def test_json_and_back():
    example = Example(frames=(0, 3), limit=0.1)
    values = config.to_json(example)
    assert values["frames"] == [0, 3]
    assert config.from_json(Example, values) == example


def test_json_of_another_config_is_refused():
    with pytest.raises(ValueError, match=r"Unknown fields \['depth'\]"):
        config.from_json(Example, {"width": 3, "depth": 2})
