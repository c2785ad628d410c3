"""What an uploaded file claims to be, looked at before anything of it is decoded in earnest."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from mmfeat.types import Seconds
from zoo.serve.refusals import Refused

# ffmpeg tells these by their content. Playlists and scripts, which name other files, are not among them.
FORMATS = ("mov", "matroska", "webm", "avi", "wav", "flac", "mp3", "aac", "ogg", "mpeg", "mpegts", "asf", "flv")
PIXELS = 2**24  # of a picture: 4096 x 4096


def require_usable(clip: Path, longest: Seconds) -> None:
    """Refuse a file that is no sound or video, is too long, or has pictures that are too large.

    Raises
    ------
    Refused
        With the code ``unusable_clip``, ``too_long`` or ``too_large``.
    """
    import av

    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}
    try:
        with av.open(f"file:{clip}", options=options, metadata_errors="replace") as container:
            claimed = [Fraction(container.duration or 0, av.time_base)]
            claimed += [s.duration * s.time_base for s in container.streams if s.duration and s.time_base]
            pixels = [video.codec_context.width * video.codec_context.height for video in container.streams.video]
    except (av.FFmpegError, OSError, ValueError):
        raise Refused(
            422,
            "unusable_clip",
            f"no sound or video that can be read; expected one of {', '.join(FORMATS)}; export it so",
        ) from None
    if max(claimed) > longest:
        raise Refused(
            413, "too_long", f"a clip of {float(max(claimed)):.0f} s; expected at most {longest:.0f} s; cut it"
        )
    if max(pixels, default=0) > PIXELS:
        raise Refused(413, "too_large", f"pictures of {max(pixels)} pixels; expected at most {PIXELS}; shrink them")
