"""The modules of tensorflow-graphics that are in use, without its listing.

Each of its modules ends by listing its own names for its documentation. It
asks `inspect.stack()` who it is, which looks at the file of everything that is
imported, again for every frame of the stack: half of the time in which a
command starts. The list serves `from ... import *` alone; here it is empty.
"""

from tensorflow_graphics.util import export_api

_LISTS = export_api.get_functions_and_classes, export_api.get_modules
export_api.get_functions_and_classes = export_api.get_modules = list
try:
    from tensorflow_graphics.geometry.transformation import rotation_matrix_3d
    from tensorflow_graphics.rendering.camera import perspective
finally:
    export_api.get_functions_and_classes, export_api.get_modules = _LISTS

__all__ = ["perspective", "rotation_matrix_3d"]
