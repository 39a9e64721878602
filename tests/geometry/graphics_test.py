"""tensorflow-graphics without its listing, which is left as it was."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_what_is_switched_off_is_on_again():
    # In a process of its own: here others may have imported it before.
    check = (
        "from tensorflow_graphics.util import export_api as api\n"
        "before = api.get_functions_and_classes, api.get_modules\n"
        "from tf_poselift.geometry import graphics\n"
        "assert (api.get_functions_and_classes, api.get_modules) == before\n"
        "assert graphics.perspective.project\n"
        "assert graphics.rotation_matrix_3d.from_euler\n"
        "assert graphics.perspective.__all__ == []"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_nobody_goes_around_it():
    found = [
        str(path.relative_to(ROOT))
        for folder in ("tf_poselift", "datasets", "trainers", "serving")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "tensorflow_graphics" in path.read_text("utf-8")
    ]
    assert found == ["tf_poselift/geometry/graphics.py"]
