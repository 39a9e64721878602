"""The published systems; the module's name is the registry.

`load("kudo2018")` imports `tf_poselift/methods/kudo2018.py`. A method module
has `Config` (a frozen dataclass), `batch_spec(config)`, `Method` (a
`base.PoseLifter`) and, where it needs them, `statistics(table, config)` and
`derived(table, config)`. A new method is one new file; what methods share is
in those called `base`.
"""

import dataclasses
import importlib
import pkgutil
import types

from tf_poselift import checks


def names() -> list[str]:
    """Returns the names of all methods."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in modules if not name.startswith("base"))


def load(name: str) -> types.ModuleType:
    """Imports a method's module; ValueError lists the known ones."""
    checks.check_member("method", name, names())
    return importlib.import_module(f"{__name__}.{name}")


def describe() -> list[str]:
    """Returns "name: first line of the module's docstring" of all methods."""
    return [f"{name}: {load(name).__doc__.splitlines()[0]}" for name in names()]


def defaults(name: str) -> dict[str, object]:
    """Returns the fields of a method's `Config` with their defaults."""
    return dataclasses.asdict(load(name).Config())
