"""What was extracted once, on disk: the frames, the database under them, seals of files and claims of processes."""

from sere.store.frames import FrameStore, StoreInfo, content_key, default_folder

__all__ = ["FrameStore", "StoreInfo", "content_key", "default_folder"]
