"""What a file held when it was hashed, so that what is decoded later is known to be the same.

A file may be written to between being hashed and being decoded, and features of the new content would be kept under the
digest of the old. So a digest goes with what the file showed of itself (size, times, inode) while it kept still, and
whoever decodes the file compares.
"""

import os
import struct
import time
from dataclasses import dataclass
from hashlib import blake2b

#: Length of a digest.
DIGEST_BYTES = 20
_STAMP = struct.Struct("<qqqQ")  # size, mtime, ctime in nanoseconds, inode
# A file changed within one tick of its clock after it was hashed would look unchanged.
_SETTLED_NS = 2_000_000_000
# Times a file is hashed that changes while it is read.
_HASHINGS = 3


@dataclass(frozen=True)
class Seal:
    """What a file held when it was hashed, or only looked at.

    Attributes
    ----------
    digest : bytes of length 20, or None
        Of its content; None where nothing is kept of it and it was not read.
    stamp : bytes
        What the file showed of itself: size, times of modification and change, inode.
    settled : bool
        Whether any later change shows in the stamp: the last one lay a while back already.
    """

    digest: bytes | None
    stamp: bytes
    settled: bool

    def says_the_same(self, other: "Seal") -> bool:
        """Tell whether two seals of a file were put on the same content."""
        return self.stamp == other.stamp or (self.digest is not None and self.digest == other.digest)

    def holds(self, path: str, before: bytes | None) -> bool:
        """Tell whether what was read of the file since `before` is what was hashed.

        Parameters
        ----------
        path : str
        before : bytes or None
            :func:`stamp_of` the file before it was read.
        """
        if before is None or stamp_of(path) != before:
            return False
        if self.settled and before == self.stamp:
            return True
        # Another machine may see another inode and coarser times; a change within the clock's tick shows nowhere.
        if self.digest is None:
            sizes, times = zip(*(_STAMP.unpack(stamp)[:2] for stamp in (before, self.stamp)), strict=True)
            return bool(sizes[0] == sizes[1] and abs(times[0] - times[1]) < _SETTLED_NS)
        now = sealed(path)
        return isinstance(now, Seal) and now.digest == self.digest and now.stamp == before


def look_at(path: str) -> Seal | OSError:
    """Return a seal on a file that is not read for it."""
    stamp = stamp_of(path)
    return OSError("it is not there") if stamp is None else Seal(None, stamp, settled=True)


def content_digest(content: bytes) -> bytes:
    """Return the digest that a file of this content has."""
    return blake2b(content, digest_size=DIGEST_BYTES).digest()


def stamp_of(name: str) -> bytes | None:
    """Return what a file shows of itself without being read, or None where it shows nothing."""
    try:
        status = os.stat(name)
    except (OSError, ValueError):  # a name that no file can have
        return None
    inode = status.st_ino & 0xFFFFFFFFFFFFFFFF
    return _STAMP.pack(status.st_size, status.st_mtime_ns, status.st_ctime_ns, inode)


def _is_settled(stamp: bytes) -> bool:
    """Tell whether the last change lies so far back that another one would show."""
    _, modified, changed, _ = _STAMP.unpack(stamp)
    return bool(time.time_ns() - max(modified, changed) > _SETTLED_NS)


def sealed(name: str) -> Seal | OSError:
    """Hash a file that keeps still meanwhile."""
    try:
        for _ in range(_HASHINGS):
            stamp = stamp_of(name)
            settled = stamp is not None and _is_settled(stamp)  # as of now: the hash may take long
            digest = _hash_file(name)
            if stamp is not None and stamp_of(name) == stamp:
                return Seal(digest, stamp, settled)
    except OSError as error:
        return error
    except ValueError as error:
        return OSError(f"{name!r} is no name of a file ({error})")
    return OSError(f"{name!r} changes while it is read")


def _hash_file(name: str) -> bytes:
    digest = blake2b(digest_size=DIGEST_BYTES)
    with open(name, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()
