"""Runs a SavedModel through TensorFlow's C API, as a model server does.

These are the calls that TensorFlow Serving makes to load and to run a model.
The Python loader is more lenient: it casts types and it can call back into the
process that traced the model. The library is the one inside the `tensorflow`
package; no compiler is needed. Runs on the CPU.
"""

import contextlib
import ctypes
import functools
import os
import weakref
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

_STRING_BYTES = 24  # of a TF_TString


class _Pointer(ctypes.c_void_p):
    """A plain c_void_p result would come back as an int and lose its type."""


class _Buffer(ctypes.Structure):
    _fields_ = [
        ("data", _Pointer),
        ("length", ctypes.c_size_t),
        ("deallocator", _Pointer),
    ]


class _Output(ctypes.Structure):
    _fields_ = [("operation", _Pointer), ("index", ctypes.c_int)]


@functools.lru_cache
def _library() -> ctypes.CDLL:
    folder = os.path.dirname(tf.__file__)
    library = ctypes.CDLL(os.path.join(folder, "libtensorflow_cc.so.2"))
    for name in (
        *(
            "TF_NewStatus",
            "TF_NewSessionOptions",
            "TF_NewGraph",
            "TF_TensorData",
        ),
        *("TF_LoadSessionFromSavedModel", "TF_GraphOperationByName"),
        "TF_AllocateTensor",
    ):
        getattr(library, name).restype = _Pointer
    library.TF_NewBuffer.restype = ctypes.POINTER(_Buffer)
    library.TF_TensorByteSize.restype = ctypes.c_size_t
    library.TF_Dim.restype = ctypes.c_int64
    library.TF_Message.restype = ctypes.c_char_p
    return library


@contextlib.contextmanager
def _status() -> Iterator[_Pointer]:
    """Raises what a call reports into the status as Python does."""
    library = _library()
    status = library.TF_NewStatus()
    try:
        yield status
        code = library.TF_GetCode(status)
        if code != 0:
            kind = tf.compat.v1.errors.exception_type_from_error_code(code)
            # It may quote a request, whose bytes are no text.
            message = library.TF_Message(status).decode(errors="replace")
            raise kind(None, None, message)
    finally:
        library.TF_DeleteStatus(status)


def _delete(session: _Pointer, graph: _Pointer) -> None:
    with _status() as status:
        _library().TF_DeleteSession(session, status)
    _library().TF_DeleteGraph(graph)


class Session:
    """A loaded SavedModel. Threads may share it.

    Attributes:
      signatures: `SignatureDef` messages by name.
    """

    def __init__(self, version_dir: str | os.PathLike, tag: str = "serve"):
        """Loads a version folder.

        Raises:
          tf.errors.OpError: the folder holds no such model (NotFoundError) or
            TensorFlow cannot load it.
        """
        self._c = library = _library()
        self._graph = library.TF_NewGraph()
        options = library.TF_NewSessionOptions()
        meta_graph = library.TF_NewBuffer()
        config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
        config = config.SerializeToString()
        tags = (ctypes.c_char_p * 1)(tag.encode())
        try:
            with _status() as status:
                library.TF_SetConfig(
                    options, config, ctypes.c_size_t(len(config)), status
                )
            with _status() as status:
                self._session = library.TF_LoadSessionFromSavedModel(
                    *(options, None, os.fsencode(version_dir), tags, 1),
                    *(self._graph, meta_graph, status),
                )
            content = meta_graph.contents
            loaded = tf.compat.v1.MetaGraphDef.FromString(
                ctypes.string_at(content.data, content.length)
            )
        except tf.errors.OpError:
            library.TF_DeleteGraph(self._graph)
            raise
        finally:
            library.TF_DeleteBuffer(meta_graph)
            library.TF_DeleteSessionOptions(options)
        self.signatures = dict(loaded.signature_def)
        # Frees the model when nobody runs it any more; at exit a thread may
        # still do so.
        free = weakref.finalize(self, _delete, self._session, self._graph)
        free.atexit = False

    def run(
        self, signature: str, inputs: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name.

        Args:
          signature: its name.
          inputs: by name; an array of `bytes` objects for a string input.

        Raises:
          tf.errors.OpError: what the server would answer: InvalidArgumentError
            for a wrong shape or type.
        """
        definition = self.signatures[signature]
        feeds = [self._output(definition.inputs[name].name) for name in inputs]
        fetches = [self._output(o.name) for o in definition.outputs.values()]
        fed = [self._tensor(value) for value in inputs.values()]
        answers = (_Pointer * len(fetches))()
        try:
            with _status() as status:
                self._c.TF_SessionRun(
                    *(self._session, None, (_Output * len(feeds))(*feeds)),
                    *((_Pointer * len(fed))(*fed), len(feeds)),
                    *((_Output * len(fetches))(*fetches), answers),
                    *(len(fetches), None, 0, None, status),
                )
        finally:
            for tensor in fed:
                self._delete_tensor(tensor)
        arrays = [self._array(tensor) for tensor in answers]
        return dict(zip(definition.outputs, arrays, strict=True))

    def _output(self, tensor_name: str) -> _Output:
        operation, _, index = tensor_name.partition(":")
        pointer = self._c.TF_GraphOperationByName(
            self._graph, operation.encode()
        )
        return _Output(pointer, int(index))

    def _tensor(self, array: np.ndarray) -> _Pointer:
        array = np.ascontiguousarray(array)
        is_text = array.dtype == object
        kind = tf.string if is_text else tf.as_dtype(array.dtype)
        size = _STRING_BYTES * array.size if is_text else array.nbytes
        tensor = self._c.TF_AllocateTensor(
            kind.as_datatype_enum,
            (ctypes.c_int64 * array.ndim)(*array.shape),
            array.ndim,
            ctypes.c_size_t(size),
        )
        if not is_text:
            data = self._c.TF_TensorData(tensor)
            ctypes.memmove(data, array.ctypes.data, size)
            return tensor
        slots = self._strings(tensor)
        for slot, text in zip(slots, array.ravel(), strict=True):
            self._c.TF_StringInit(slot)
            self._c.TF_StringCopy(slot, text, ctypes.c_size_t(len(text)))
        return tensor

    def _strings(self, tensor: _Pointer) -> list[_Pointer]:
        """Where the strings of a string tensor lie."""
        size = self._c.TF_TensorByteSize(tensor)
        start = self._c.TF_TensorData(tensor).value or 0
        return [_Pointer(start + at) for at in range(0, size, _STRING_BYTES)]

    def _delete_tensor(self, tensor: _Pointer) -> None:
        if self._c.TF_TensorType(tensor) == tf.string.as_datatype_enum:
            for slot in self._strings(tensor):
                self._c.TF_StringDealloc(slot)
        self._c.TF_DeleteTensor(tensor)

    def _array(self, tensor: _Pointer) -> np.ndarray:
        kind = tf.as_dtype(self._c.TF_TensorType(tensor)).as_numpy_dtype
        axes = range(self._c.TF_NumDims(tensor))
        shape = [self._c.TF_Dim(tensor, axis) for axis in axes]
        size = self._c.TF_TensorByteSize(tensor)
        content = ctypes.string_at(self._c.TF_TensorData(tensor), size)
        self._c.TF_DeleteTensor(tensor)
        return np.frombuffer(content, kind).reshape(shape)
