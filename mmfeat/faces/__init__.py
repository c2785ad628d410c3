"""Video frames to the speaker's face track, made once per clip for every vision extractor."""

from mmfeat.faces.pictures import picture_size, read_pictures
from mmfeat.faces.saving import load_track, save_track
from mmfeat.faces.track import VERSION, FaceConfig, FaceTrack, track_face, untracked, with_settings

__all__ = [
    "VERSION",
    "FaceConfig",
    "FaceTrack",
    "load_track",
    "picture_size",
    "read_pictures",
    "save_track",
    "track_face",
    "untracked",
    "with_settings",
]
