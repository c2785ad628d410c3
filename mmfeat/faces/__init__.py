"""Video frames to the speaker's face track, made once per clip for every vision extractor."""

from mmfeat.faces.track import VERSION, FaceConfig, FaceTrack, load_track, save_track, track_face, with_settings

__all__ = ["VERSION", "FaceConfig", "FaceTrack", "load_track", "save_track", "track_face", "with_settings"]
