"""Face track and FaceNet embedding against facenet-pytorch frame by frame: speed, and how far the faces agree.

The other side of every ratio is facenet-pytorch as its README uses it: MTCNN with its defaults on one full-size frame
after the other, the largest face cut out and embedded alone. Both sides decode the clip, run in this process with one
thread for torch, and take turns; what counts is processor time (of all threads), since wall time on a busy machine is
that of its other work. The embedding network has random weights (the same on both sides) unless the trained ones are
where facenet-pytorch keeps them; only then are embeddings compared.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from PIL import Image
from report import Row

from mmfeat.extractors import facenet, hog
from mmfeat.faces import FaceConfig, FaceTrack, track_face
from mmfeat.media import read_frames

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
DEMO = ROOT / "pipelines" / "demo" / "clips"
SECONDS = 2.4  # of each clip
TURNS = 2  # of each side on each clip
WINDOW = 0.3  # s, about a word
EVERY_FRAME = FaceConfig(crops_per_second=None, detections_per_second=5.0)
DEFAULT = FaceConfig()
SIZES = {"up to 640x480": ((4.0, 8.0), ("small", "wide", "enlarged to 640x480")), "720p": ((7.0, 12.0), ("720p",))}


@dataclass
class Measured:
    """Processor seconds and faces of one clip."""

    path: Path
    group: str
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"theirs": [], "every frame": [], "default": []})
    theirs: FaceTrack | None = None
    tracks: dict[str, FaceTrack] = field(default_factory=dict)
    embedded: dict[str, np.ndarray] = field(default_factory=dict)


def run() -> list[Row]:
    """Measure, and say what was asked beside it."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        clips = _clips(Path(folder))
        trained, extractor, theirs = _both_sides(Path(folder))
        for clip in clips[:1]:  # both sides load and compile on first use
            _take_turns(replace(clip, seconds={name: [] for name in clip.seconds}), extractor, theirs)
        for _ in range(TURNS):
            for clip in clips:
                _take_turns(clip, extractor, theirs)
        rows = [row for group in dict.fromkeys(clip.group for clip in clips) for row in _speed(clips, group)]
        rows += _agreement(clips)
        rows += _embeddings(clips) if trained else [Row("embedding cosine", "no trained weights at hand", ">= 0.98")]
        return rows


def _clips(folder: Path) -> list[Measured]:
    """Excerpts of real clips, as they are, enlarged and set into a larger picture."""
    grid, video = sorted((DATA / "grid").glob("*.mpg"))[:2], sorted((DATA / "video").glob("*.mp4"))
    if not grid or not video:
        return [Measured(path, "up to 640x480") for path in sorted(DEMO.glob("*.mp4"))[:2]]
    made = [Measured(path, "up to 640x480") for path in [*grid[:1], *video]]
    made.append(Measured(_resized(grid[1], folder / "grid480.mp4", (640, 480)), "up to 640x480"))
    for source in video:
        made.append(Measured(_resized(source, folder / f"{source.stem}720.mp4", (1280, 720)), "720p"))
    made.append(Measured(_resized(grid[0], folder / "grid720.mp4", (900, 720), canvas=(1280, 720)), "720p"))
    return made


def _resized(source: Path, target: Path, size: tuple[int, int], canvas: tuple[int, int] | None = None) -> Path:
    """The start of a clip enlarged to ``size`` and, if need be, centred on a grey ``canvas``."""
    width, height = canvas or size
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"crf": "20", "preset": "fast"}
        for frame in read_frames(source, end=SECONDS):
            picture = np.full((height, width, 3), 128, np.uint8)
            enlarged = Image.fromarray(frame.image).resize(size, Image.Resampling.BICUBIC)
            picture[top : top + size[1], left : left + size[0]] = np.asarray(enlarged)
            coded = av.VideoFrame.from_ndarray(picture, format="rgb24")
            coded.pts, coded.time_base = round(frame.time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
    return target


def _both_sides(folder: Path) -> tuple[bool, Any, FrameByFrame]:
    """Whether trained weights are there; our extractor, and their way with the same weights."""
    trained = facenet.default_weights().is_file()
    theirs = FrameByFrame("vggface2" if trained else None)
    if trained:
        return trained, facenet.build(facenet.Config(device="cpu")), theirs
    path = folder / "random.pt"
    torch.save(theirs.network.state_dict(), path)
    return trained, facenet.build(facenet.Config(weights=path, device="cpu")), theirs


class FrameByFrame:
    """What a user of facenet-pytorch writes."""

    def __init__(self, weights: str | None) -> None:
        # Here, since mmfeat must be imported before torchvision.
        from facenet_pytorch import MTCNN, InceptionResnetV1
        from facenet_pytorch.models.mtcnn import fixed_image_standardization
        from facenet_pytorch.models.utils.detect_face import extract_face

        torch.manual_seed(0)
        self.network = InceptionResnetV1(pretrained=weights).eval()
        self._detector = MTCNN(keep_all=True)
        self._standardise, self._extract = fixed_image_standardization, extract_face

    @torch.inference_mode()
    def __call__(self, path: Path) -> tuple[FaceTrack, np.ndarray]:
        """The largest face of each frame, as a track, and its embedding."""
        times, boxes, landmarks, embedded = [], [], [], []
        for frame in read_frames(path, end=SECONDS):
            picture = Image.fromarray(frame.image)
            found, _, points = self._detector.detect(picture, landmarks=True)
            times.append(frame.time)
            boxes.append(np.zeros(4) if found is None else np.asarray(found[0], float))
            landmarks.append(np.zeros((5, 2)) if found is None else np.asarray(points[0], float))
            if found is None:
                embedded.append(np.zeros(facenet.DIMENSIONS))
            else:
                face = self._standardise(self._extract(picture, found[0]))
                embedded.append(self.network(face[None])[0].numpy())
        seen = np.array([box.any() for box in boxes])
        track = FaceTrack(path, np.array(times), np.stack(boxes), np.stack(landmarks), seen, EVERY_FRAME, end=SECONDS)
        return track, np.stack(embedded)


def _take_turns(clip: Measured, extractor: Any, theirs: FrameByFrame) -> None:
    clip.theirs, clip.embedded["theirs"] = _timed(clip, "theirs", lambda: theirs(clip.path))
    for name, config in (("every frame", EVERY_FRAME), ("default", DEFAULT)):

        def ours(config: FaceConfig = config) -> tuple[FaceTrack, np.ndarray]:
            track = track_face(clip.path, config, end=SECONDS)
            return track, extractor(track).values

        clip.tracks[name], clip.embedded[name] = _timed(clip, name, ours)


def _timed(clip: Measured, name: str, work: Callable[[], tuple[FaceTrack, np.ndarray]]) -> tuple[FaceTrack, np.ndarray]:
    began = time.process_time()
    result = work()
    clip.seconds[name].append(time.process_time() - began)
    return result


def _speed(clips: list[Measured], group: str) -> list[Row]:
    every, default = SIZES[group][0]
    rows = []
    for name, asked in (("every frame", every), ("default", default)):
        ratios = [
            [theirs / ours for theirs, ours in zip(clip.seconds["theirs"], clip.seconds[name], strict=True)]
            for clip in clips
            if clip.group == group
        ]
        means = [float(np.mean(ratio)) for ratio in ratios]
        rows.append(
            Row(
                f"vision {group}, {name}",
                f"{np.mean(means):.1f} x (clips {min(means):.1f} to {max(means):.1f})",
                f">= {asked:g} x",
            )
        )
    return rows


def _agreement(clips: list[Measured]) -> list[Row]:
    """Boxes with every frame embedded, and HOG per word with every frame and at the default, against theirs."""
    overlaps, lost, total = [], 0, 0
    cosines: dict[str, list[float]] = {"every frame": [], "default": []}
    describe = hog.build(hog.Config())
    for clip in clips:
        theirs, ours = clip.theirs, clip.tracks["every frame"]
        assert theirs is not None
        both = theirs.observed & ours.observed
        overlaps.append(_overlap(theirs.boxes[both], ours.boxes[both]))
        lost, total = lost + int((theirs.observed & ~ours.observed).sum()), total + int(theirs.observed.sum())
        reference = describe(theirs)
        for name, track in clip.tracks.items():
            cosines[name] += _word_cosines(reference.values, theirs, describe(track).values, track)
    pooled = np.concatenate(overlaps)
    rows = [
        Row("box IoU, median", f"{np.median(pooled):.3f}", ">= 0.94"),
        Row("box IoU, 5th percentile", f"{np.percentile(pooled, 5):.3f}", ">= 0.87"),
        Row("faces lost", f"{100 * lost / total:.2f} points of {total} faces", "<= 1 point"),
    ]
    return rows + [
        Row(f"HOG cosine per word, {name}", f"{np.mean(values):.4f} (worst {min(values):.3f})", ">= 0.975")
        for name, values in cosines.items()
    ]


def _overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    overlap: np.ndarray = shared / (areas[0] + areas[1] - shared)
    return overlap


def _word_cosines(theirs: np.ndarray, a: FaceTrack, ours: np.ndarray, b: FaceTrack) -> list[float]:
    """Cosine between the means over each window in which both saw a face."""
    cosines = []
    for start in np.arange(0, SECONDS, WINDOW):
        inside = [(track.times >= start) & (track.times < start + WINDOW) & track.observed for track in (a, b)]
        if all(rows.any() for rows in inside):
            one, other = theirs[inside[0]].mean(axis=0), ours[inside[1]].mean(axis=0)
            cosines.append(float(one @ other / np.linalg.norm(one) / np.linalg.norm(other)))
    return cosines


def _embeddings(clips: list[Measured]) -> list[Row]:
    """Per word, ours against theirs on the same frames, beside the same figure between different persons' clips."""
    same, different = [], []
    aligned = facenet.build(facenet.Config(device="cpu", precision="float32"))
    references = []
    for clip in clips:
        assert clip.theirs is not None
        references.append(aligned(replace(clip.theirs)).values)
        same += _word_cosines(references[-1], clip.theirs, clip.embedded["every frame"], clip.tracks["every frame"])
    people = [clip.path.name[:6] for clip in clips]
    for one, first in enumerate(references):
        for other, second in enumerate(references[:one]):
            if people[one] != people[other]:
                different.append(float(first.mean(axis=0) @ second.mean(axis=0)))
    control = f"{np.mean(different):.3f} between persons" if different else "one person only"
    return [Row("embedding cosine per word", f"{np.mean(same):.4f} ({control})", ">= 0.98")]


if __name__ == "__main__":
    from report import table

    print(table(run()))
