"""A run that is shorter or longer than its method's config has it."""

import re

import pytest

from tf_poselift.training import training

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        (19_000, "`total_steps=19000`, the run ends at step 1: .* never come"),
        (0, "comes early. Give `--config=total_steps=1`"),
        (1, None),
    ],
)
def test_a_run_that_is_not_as_long_as_planned_says_so(
    prepared_dataset, tmp_path, capsys, planned, words
):
    training.train(
        "bouazizi2021",
        dataset=prepared_dataset.dataset,
        data_dir=prepared_dataset.data_dir,
        workdir=tmp_path,
        steps=1,
        batch_size=8,
        strategy="one",
        overrides=["width=8", "blocks=1", f"total_steps={planned}"],
    )
    out = capsys.readouterr().out
    assert ("WARNING" in out) == bool(words)
    assert re.search(words or "", out)
