"""Files in a folder, in zip and in tgz archives, found and read alike."""

import contextlib
import dataclasses
import functools
import pathlib
import tarfile
import zipfile
import zlib

_TAR = (".tgz", ".tar.gz")


@dataclasses.dataclass(frozen=True)
class File:
    """A file, or a member of the archive at `path`."""

    path: pathlib.Path
    member: str = ""

    def __str__(self) -> str:
        return (
            f"{self.path}, `{self.member}`" if self.member else f"{self.path}"
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """Folders and name, from the root of the folder or archive."""
        inner = self.member if self.member else self.path
        return pathlib.PurePosixPath(inner).parts

    def read(self) -> bytes:
        """Returns the content.

        Raises:
          ValueError: names an archive that is damaged.
        """
        if not self.member:
            return self.path.read_bytes()
        with _naming(self.path):
            if self.path.name.endswith(_TAR):
                return _tar_contents(self.path)[self.member]
            return _zip(self.path).read(self.member)


def find(folder: pathlib.Path, pattern: str, archives: str) -> list[File]:
    """Returns what a pattern matches, in the folder and in archives in it.

    Args:
      folder: also looked into one level down, so that an archive may have been
        unpacked into a folder of its own.
      pattern: of paths ("S*/MyPoses/*.h5"), from the right in archives.
      archives: of the names of archives ("h36m.zip").

    Raises:
      ValueError: names an archive that is damaged.
    """
    paths = [*folder.glob(pattern), *folder.glob(f"*/{pattern}")]
    found = [File(path) for path in sorted(paths)]
    for path in sorted(folder.glob(archives)):
        with _naming(path):
            found += [
                File(path, name)
                for name in _members(path)
                if pathlib.PurePosixPath(name).match(pattern)
            ]
    return found


def _members(path: pathlib.Path) -> list[str]:
    if path.name.endswith(_TAR):
        with tarfile.open(path) as archive:
            return sorted(m.name for m in archive if m.isfile())
    return sorted(_zip(path).namelist())


@functools.lru_cache(maxsize=1)
def _zip(path: pathlib.Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


# A tgz can only be read from its start: one pass for all of its files. A
# subject's poses are 25 MB.
@functools.lru_cache(maxsize=1)
def _tar_contents(path: pathlib.Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {
            m.name: archive.extractfile(m).read() for m in archive if m.isfile()
        }


@contextlib.contextmanager
def _naming(path: pathlib.Path):
    """Turns the errors of an archive that is cut off into one that names it."""
    damaged = (EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile)
    try:
        yield
    except damaged as error:
        raise ValueError(
            f"{path} is no archive, or only the start of one: {error}. "
            "Download it again."
        ) from error
