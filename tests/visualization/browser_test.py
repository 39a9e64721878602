"""The page in a browser without a network: drawn, and moved to another frame.

Chromium without a window takes the picture.
"""

import importlib.util
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from tf_poselift import skeletons
from tf_poselift.visualization import rendering
from tf_poselift.visualization import skeleton_plots

CHROMIUM = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome")),
    ),
    None,
)
SKELETON = skeletons.from_dict(
    {
        "name": "four",
        "joints": {"hip": None, "head": "hip", "l": "hip", "r": "hip"},
        "pairs": [["l", "r"]],
    }
)
POSE = np.array([[0, 0, 0], [0, -4, 0], [2, 0, 3], [-2, 0, -3]], float)
# As if the slider were drawn to its end.
TO_THE_END = """<script>setTimeout(() => {
  const plot = document.querySelector(".plotly-graph-div");
  const steps = plot.layout.sliders[0].steps;
  Plotly.animate(plot, ...steps[steps.length - 1].args);
}, 1000);</script>"""

pytestmark = [
    pytest.mark.slow,  # nine seconds of a processor
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.skipif(
        importlib.util.find_spec("plotly") is None,
        reason="plotly is not installed; it is in the extra `video`",
    ),
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> tuple[str, np.ndarray]:
    """The page's elements and its picture [H, W, 3], at the last frame.

    The left leg is missing in all frames but the last.
    """
    folder = tmp_path_factory.mktemp("page")
    points = np.tile(POSE[:, :2] * 20 + [160, 120], (6, 1, 1))
    joints_3d = np.tile(POSE, (6, 1, 1))
    points[:-1, 2] = joints_3d[:-1, 2] = np.nan
    path, picture = folder / "a.html", folder / "a.png"
    people = [(np.arange(6) + 5, points, joints_3d)]
    rendering.render(people, path, skeleton=SKELETON, fps=25.0)
    page = path.read_text("utf-8")
    assert page.count("</body>") == 1
    path.write_text(page.replace("</body>", f"{TO_THE_END}</body>"), "utf-8")
    return browse(path, picture), np.asarray(Image.open(picture).convert("RGB"))


def browse(page: pathlib.Path, picture: pathlib.Path) -> str:
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox"),
            "--disable-dev-shm-usage",
            # 3D needs WebGL, which a processor can do.
            *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={page.parent / 'profile'}",
            "--window-size=1280,720",
            "--virtual-time-budget=10000",
            "--dump-dom",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and picture.is_file(), done.stderr
    return done.stdout


def places(image: np.ndarray, side: str) -> np.ndarray:
    """Returns where [N, 2] (x, y) a picture has a side's colour."""
    colour = [*bytes.fromhex(skeleton_plots.COLOURS[side][1:])]
    near = np.abs(image.astype(int) - colour).max(axis=-1) < 12
    return np.argwhere(near)[:, ::-1]


def test_slider_and_buttons_are_there_and_the_slider_moves(shown):
    page, _ = shown
    for text in (*map(str, range(5, 11)), "Play", "Pause", "frame 10"):
        assert page.count(f">{text}</text>") == 1, text
    assert "<canvas" in page


def test_both_skeletons_are_drawn_in_their_colours(shown):
    _, image = shown
    assert image.shape == (720, 1280, 3)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 100
    plots = image[60:430]  # below the legend, above the slider
    for half in (plots[:, :640], plots[:, 640:]):
        found = {side: places(half, side) for side in skeleton_plots.COLOURS}
        for side, points in found.items():
            assert 100 < len(points) < 10_000, side
        left, right, middle = (
            found[side].mean(axis=0) for side in ("left", "right", "middle")
        )
        # As the camera sees it, and up is up.
        assert right[0] < middle[0] < left[0]
        assert middle[1] < min(left[1], right[1])
