"""Reads every import and fails on anything that the layers do not allow."""

import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = "tf_poselift"
SCRIPTS = ("datasets", "trainers", "serving")
# TFDS imports a builder's folder by its own name.
BUILDERS = {path.name for path in (ROOT / "datasets").glob("*/")}

# Who may import whom inside the package, lowest layer first. A unit is a
# folder or a file of `tf_poselift`; it may always import itself.
BASE = {
    "skeletons", "schema", "checks", "config", "randomness",
    "restricted_pickle", "quiet_start",
}  # fmt: skip
GEOMETRY = BASE | {"geometry"}
PARTS = {"normalization", "metrics", "networks", "losses"}
METHODS = GEOMETRY | PARTS
SIDES = {"keypoint_files", "visualization"}
TOPS = {"training", "evaluation", "export"}
EVERYTHING = METHODS | SIDES | TOPS | {"data", "methods", ""}  # "": __init__
MAY_IMPORT = {
    **dict.fromkeys(BASE, BASE),
    "geometry": BASE,
    **dict.fromkeys(PARTS | {"data"}, GEOMETRY),
    # What a method's losses compare with is normalised as its input is.
    "losses": GEOMETRY | {"normalization"},
    "methods": METHODS,
    **dict.fromkeys(
        SIDES, {"skeletons", "checks", "restricted_pickle", "geometry"}
    ),
    **dict.fromkeys(TOPS, EVERYTHING),
    "": set(),
}
# Where a unit is held to few packages besides Python's own.
ONLY_THIRD_PARTY = dict.fromkeys(BASE, {"numpy", "tensorflow", "yaml"})
# Modules that a unit must not import. Everywhere: flags belong to scripts,
# pyplot keeps global state.
FORBIDDEN = {unit: {"absl.flags", "matplotlib.pyplot"} for unit in MAY_IMPORT}
FORBIDDEN["methods"] |= {"pathlib", "os", "tensorflow_datasets"}


def modules() -> dict[str, pathlib.Path]:
    """Maps every module of the package and of the scripts to its file."""
    found = {}
    for top in (PACKAGE, *SCRIPTS):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports(source: str, known: set[str]) -> list[str]:
    """Lists what a source imports; `from a import b` is a.b if a module is."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            for alias in node.names:
                full = f"{start}.{alias.name}"
                ours = start.split(".")[0] == PACKAGE
                is_name = ours and full not in known
                names.append(f"name {full}" if is_name else full)
    return names


def unit_of(module: str) -> str:
    return (module.split(".") + [""])[1]


def violations(module: str, source: str, known: set[str]) -> list[str]:
    """Returns one line for every import that breaks a rule."""
    inside = module.split(".")[0] == PACKAGE
    unit = unit_of(module) if inside else None
    broken = []

    def refuse(name: str, why: str) -> None:
        broken.append(f"{module} imports {name}: {why}")

    for name in imports(source, known):
        top = name.split(".")[0]
        if name.startswith("."):
            refuse(name, "no relative imports")
        elif name.endswith(".*"):
            refuse(name, "no wildcard imports")
        elif name.startswith("name "):
            refuse(name[5:], "no module; import modules, not names")
        elif name.endswith("_dataset_builder") and not _shares_folder(
            module, name
        ):
            refuse(name, "nobody imports a builder")
        elif module == "serving.client" and top in (PACKAGE, *SCRIPTS):
            refuse(name, "the client imports nothing of ours")
        elif inside:
            why = _refused_inside(module, unit, name)
            if why:
                refuse(name, why)
    return broken


def _shares_folder(module: str, name: str) -> bool:
    """Whether it is the builder beside the module (for its dummy data)."""
    return module.split(".")[:2] == ["datasets", name.split(".")[0]]


def _refused_inside(module: str, unit: str, name: str) -> str | None:
    top = name.split(".")[0]
    forbidden = FORBIDDEN[unit]
    if name in forbidden or top in forbidden:
        return f"not in `{unit}`"
    if top in BUILDERS or top in SCRIPTS:
        return "the package does not import scripts"
    if top != PACKAGE:
        only = ONLY_THIRD_PARTY.get(unit)
        if only and top not in only and top not in sys.stdlib_module_names:
            return f"`{unit}` stands on {sorted(only)} only"
        return None
    target = unit_of(name)
    is_method = name.startswith(f"{PACKAGE}.methods.") and not name.startswith(
        f"{PACKAGE}.methods.base"
    )
    if is_method and name != module:
        return "methods come through `methods.load`"
    if target != unit and target not in MAY_IMPORT[unit]:
        return f"`{unit}` may import {sorted(MAY_IMPORT[unit])}"
    return None


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """Returns the nodes of a circle, or an empty list."""
    state: dict[str, str] = {}

    def visit(node: str, path: list[str]) -> list[str]:
        if state.get(node) == "open":
            return [*path[path.index(node) :], node]
        if node in state:
            return []
        state[node] = "open"
        for following in sorted(edges.get(node, ())):
            found = visit(following, [*path, node])
            if found:
                return found
        state[node] = "closed"
        return []

    for node in sorted(edges):
        found = visit(node, [])
        if found:
            return found
    return []


def test_every_unit_has_a_rule():
    units = {unit_of(m) for m in modules() if m.split(".")[0] == PACKAGE}
    assert {"geometry", "methods", "skeletons"} <= units
    assert units <= set(MAY_IMPORT)


def test_imports_keep_to_the_layers():
    found = modules()
    broken = [
        line
        for module, path in found.items()
        for line in violations(module, path.read_text("utf-8"), set(found))
    ]
    assert not broken, "\n".join(broken)


def test_there_is_no_circle():
    found = modules()
    between_modules = {
        module: set(imports(path.read_text("utf-8"), set(found))) & set(found)
        for module, path in found.items()
    }
    assert not cycle(between_modules)
    between_units: dict[str, set[str]] = {}
    for module, targets in between_modules.items():
        if module.split(".")[0] == PACKAGE:
            units = {unit_of(t) for t in targets if t.startswith(PACKAGE)}
            own = unit_of(module)
            between_units.setdefault(own, set()).update(units - {own})
    assert not cycle(between_units)


def test_a_method_is_one_short_file():
    lines = {
        path.stem: len(path.read_text("utf-8").splitlines())
        for path in (ROOT / PACKAGE / "methods").glob("*.py")
        if not path.name.startswith(("base", "__init__"))
    }
    assert "kudo2018" in lines
    assert max(lines.values()) < 300, lines


@pytest.mark.parametrize(
    ("module", "source", "why"),
    [
        ("geometry.a", "from tf_poselift import metrics", "may import"),
        ("methods.a", "from tf_poselift.data import reader", "may import"),
        ("methods.a", "from tf_poselift.methods import b", "methods.load"),
        ("training.a", "from tf_poselift.methods import b", "methods.load"),
        ("methods.a", "import os.path", "not in `methods`"),
        ("data.reader", "from absl import flags", "not in `data`"),
        ("visualization.a", "import matplotlib.pyplot", "not in"),
        ("checks", "import scipy", "stands on"),
        ("data.reader", "from . import a", "relative"),
        ("data.reader", "from numpy import *", "wildcard"),
        ("metrics", "from tf_poselift.schema import Field", "not names"),
        ("export.a", "import trainers.train", "scripts"),
        ("data.reader", "from cmu_bvh import bvh", "scripts"),
    ],
)
def test_a_breach_is_found(module, source, why):
    known = {
        f"{PACKAGE}.{name}"
        for name in ("metrics", "schema", "data.reader", "methods.b")
    }
    broken = violations(f"{PACKAGE}.{module}", source, known)
    assert len(broken) == 1
    assert why in broken[0]


def test_the_client_imports_nothing_of_ours():
    source = "def lift():\n    from tf_poselift import schema"
    known = {f"{PACKAGE}.schema"}
    assert not violations("serving.server", source, known)
    assert "nothing of ours" in violations("serving.client", source, known)[0]


def test_only_a_builders_own_folder_imports_it():
    source = "from deepmimic import deepmimic_dataset_builder"
    assert not violations("datasets.deepmimic.make_dummy_data", source, set())
    for module in ("datasets.cmu_bvh.parse", "trainers.train"):
        assert "builder" in violations(module, source, set())[0]


def test_a_circle_is_found():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert not cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()})
