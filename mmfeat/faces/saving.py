"""Face tracks on disk, for the cache."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from mmfeat.errors import FormatError
from mmfeat.faces.track import FaceConfig, FaceTrack
from mmfeat.safe_write import replacing


def save_track(track: FaceTrack, path: Path) -> None:
    """Write a track to one ``.npz`` of plain arrays, beside its place and renamed; the video's path is not in it.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    window = {"start": track.start, "end": track.end, "half": track.half}
    settings = json.dumps({**asdict(track.config), **window}, sort_keys=True)
    with replacing(path) as beside:
        np.savez(
            beside,
            times=track.times,
            boxes=track.boxes,
            landmarks=track.landmarks,
            observed=track.observed,
            settings=np.array(settings),
        )


def load_track(path: Path, media: Path) -> FaceTrack:
    """Read a track that `save_track` wrote.

    Parameters
    ----------
    path : Path
        The ``.npz``.
    media : Path
        The video that it belongs to.

    Raises
    ------
    FormatError
        If the file is not such a track.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            settings = json.loads(str(arrays["settings"]))
            start, end = settings.pop("start"), settings.pop("end")
            half = settings.pop("half", None)  # tracks from before there were halves are of whole pictures
            return FaceTrack(
                path=media,
                times=arrays["times"],
                boxes=arrays["boxes"],
                landmarks=arrays["landmarks"],
                observed=arrays["observed"],
                config=FaceConfig(**settings),
                start=start,
                end=end,
                half=half,
            )
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        names = ", ".join(field.name for field in fields(FaceTrack)[1:5])
        raise FormatError(
            f"face track {path} cannot be read ({type(error).__name__}: {error}); expected an npz with {names}; "
            "delete it and run again"
        ) from error
