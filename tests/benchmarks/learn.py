"""Does it learn? Measured on corpora whose best answer is known, and on the real pieces beside the repository.

``python tests/benchmarks/learn.py TOPIC [--jobs 2] [--seeds 5]``. Trainings are kept under ``data/learning`` and not
done twice; each topic prints its table in Markdown and leaves it there. Hours, not minutes: no part of ``make bench``.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import real_pieces

from mmfeat import missing
from mmfeat.artifact import Artifact
from zoo import planted, predictions
from zoo.benchmark import Bench, Variant, benchmark, write_answers
from zoo.conditions import CONDITIONS, score_predictions
from zoo.predictions import Predictions
from zoo.significance import paired_bootstrap

ROOT = Path("data/learning")
PIECES = Path(__file__).resolve().parents[3] / "shared" / "data" / "mosi"
SEEDS = (1111, 1112, 1113, 1114, 1115)
NAMES = {condition.name: condition for condition in CONDITIONS}
INCOMPLETE = ("l", "a", "v", "l,a", "l,v", "a,v")
RATES = tuple(f"frame_drop 0.{tenth}" for tenth in range(1, 8))  # that AUMDF trains under
SMALL = (  # a network that suits 32 + 24 + 28 dimensions
    "model.hidden=32",
    "model.width=32",
    "model.dropout=0.2",
    "train.batch_size=64",
    "train.learning_rate=0.002",
    "train.decay=cosine",
    "train.patience=0",
    "train.epochs=10;20",
)
MOSI = ("data.max_words=50",)  # the paper's
DEMO = ("train.epochs=30;60", "train.batch_size=16")  # as pipelines/params.yaml has it
KINDS = {"linear": 4000, "sarcasm": 5000}
Runs = dict[str, dict[int, Predictions]]


def planted_corpus(kind: str, samples: int) -> Path:
    """Path of a planted corpus, made where it is not there."""
    path = ROOT / f"{kind}{samples}.h5"
    if not path.exists():
        planted.make(path, kind, samples)
    return path


def piece(name: str) -> Path:
    """Path of a real piece as an artefact."""
    path = ROOT / f"{name}.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        {
            "mosi": real_pieces.mosi_text,
            "valid_words": real_pieces.valid_words,
            "utterances_2199": real_pieces.utterances_2199,
        }[name](PIECES, path)
    return path


def variant(name: str, *changes: str, model: str = "aumdf", base: str | None = None) -> Variant:
    """A row of a benchmark."""
    return Variant(name, model, None, tuple(change.replace(";", ",") for change in changes), base)


def ratios(path: Path, found: Predictions, part: str = "test") -> dict[str, float]:
    """MAE over that of the best possible answer, per condition."""
    scores = score_predictions(found)
    with Artifact(path) as corpus:
        rows = corpus.observed(part)
        masks = missing.MaskFile(path.with_suffix(".masks.h5"))
        return {
            name: score.metrics["MAE"]
            / float(
                np.abs(
                    planted.optimum(corpus, part, masks.kept(part, NAMES[name].key, rows)) - found.targets[:, 0]
                ).mean()
            )
            for name, score in scores.items()
        }


def topic_planted(seeds: Sequence[int], jobs: int) -> list[str]:
    """Ratios to the optimum, mean over seeds."""
    lines = ["| corpus | worst of 7 and rates 0.1-0.7 | mean of 6 | complete | " + " | ".join(INCOMPLETE) + " |"]
    lines.append("|---" * 10 + "|")
    for kind, samples in KINDS.items():
        path = planted_corpus(kind, samples)
        runs = benchmark(
            Bench((variant("both", *SMALL),), path, tuple(seeds), root=ROOT / f"{kind}{samples}"), jobs=jobs
        )
        tables = [ratios(path, found) for found in runs["both"].values()]
        mean = {name: float(np.mean([table[name] for table in tables])) for name in tables[0]}
        worst = max(mean[name] for name in (*INCOMPLETE, "l,a,v", *RATES))
        six = np.mean([mean[name] for name in INCOMPLETE])
        cells = " | ".join(f"{mean[name]:.3f}" for name in INCOMPLETE)
        lines.append(f"| {kind}, {samples} | {worst:.3f} | {six:.3f} | {mean['l,a,v']:.3f} | {cells} |")
    return lines


DISTILLATION = {
    "neither": ("model.lambda_csd=0", "model.lambda_srd=0"),
    "csd": ("model.lambda_srd=0",),
    "srd": ("model.lambda_csd=0",),
}


def topic_distillation(seeds: Sequence[int], jobs: int) -> list[str]:
    """The student with and without its distillations, the same teachers, paired intervals: small and real corpora."""
    corpora = {f"{kind}500": (planted_corpus(kind, 500), SMALL) for kind in KINDS}
    corpora["mosi"] = (piece("mosi"), MOSI)
    demo = Path("data/aligned/demo.h5")
    if demo.exists():
        corpora["demo"] = (demo, DEMO)
    return _distillation(corpora, seeds, jobs)


def topic_distillation_large(seeds: Sequence[int], jobs: int) -> list[str]:
    """The same on the planted corpora of full size."""
    corpora = {f"{kind}{samples}": (planted_corpus(kind, samples), SMALL) for kind, samples in KINDS.items()}
    return _distillation(corpora, seeds, jobs)


SWEEP = ((0.0, 0.0), (0.01, 0.01), (0.1, 0.1), (0.1, 0.0), (1.0, 0.0), (0.0, 0.1), (0.0, 1.0), (0.0, 10.0), (1.0, 1.0))


def topic_lambdas(seeds: Sequence[int], jobs: int) -> list[str]:
    """How much of each distillation, on validation: the test part is not for choosing."""
    lines = ["| corpus | lambda of CSD | of SRD | validation | difference to neither |", "|---" * 5 + "|"]
    for name, path, settings, sweep in (
        ("linear", planted_corpus("linear", 500), SMALL, SWEEP),
        ("mosi", piece("mosi"), MOSI, (SWEEP[0], SWEEP[2], SWEEP[-1])),
    ):
        variants = tuple(
            variant(
                f"csd-{csd}-srd-{srd}",
                *settings,
                f"model.lambda_csd={csd}",
                f"model.lambda_srd={srd}",
                base=f"csd-{sweep[0][0]}-srd-{sweep[0][1]}" if number else None,
            )
            for number, (csd, srd) in enumerate(sweep)
        )
        runs = benchmark(Bench(variants, path, tuple(seeds), part="valid", root=ROOT / "lambdas" / name), jobs=jobs)
        scores = {key: _validated(name, path, found) for key, found in runs.items()}
        floor = next(iter(scores.values()))
        for (csd, srd), values in zip(sweep, scores.values(), strict=True):
            gain = np.subtract(values, floor)
            lines.append(f"| {name} | {csd} | {srd} | {_spread(values)} | {_spread(gain) if gain.any() else ''} |")
    return lines


def _distillation(corpora: dict[str, tuple[Path, tuple[str, ...]]], seeds: Sequence[int], jobs: int) -> list[str]:
    lines = [
        "| corpus | student | complete | mean of 6 | difference to neither, mean of 6 | 95 % | p |",
        "|---" * 7 + "|",
    ]
    for name, (path, settings) in corpora.items():
        variants = (
            variant("both", *settings),
            *(variant(key, *settings, *changes, base="both") for key, changes in DISTILLATION.items()),
        )
        runs = benchmark(Bench(variants, path, tuple(seeds), root=ROOT / name), jobs=jobs)
        lines += [_distilled(name, student, runs) for student in runs]
    return lines


def _distilled(name: str, student: str, runs: Runs) -> str:
    wanted = [key for key in INCOMPLETE if score_predictions(next(iter(runs[student].values())))[key].count]
    keys = [NAMES[key].key for key in wanted]
    tables = [score_predictions(found) for found in runs[student].values()]
    whole = [table["natural"].metrics["MAE"] for table in tables]
    six = [float(np.mean([table[key].metrics["MAE"] for key in wanted])) for table in tables]
    head = f"| {name} | {student} | {np.mean(whole):.3f} ± {np.std(whole, ddof=1):.3f} | {np.mean(six):.3f} |"
    if student == "neither":
        return f"{head} | | |"
    first, second = list(runs[student].values()), list(runs["neither"].values())
    found = paired_bootstrap(first, second, keys, "MAE", draws=1000)
    return f"{head} {found.difference:+.4f} | {found.low:+.4f} to {found.high:+.4f} | {found.p:.3f} |"


def topic_mosi(seeds: Sequence[int], jobs: int) -> list[str]:
    """MOSI, official split, text only."""
    path = piece("mosi")
    runs = benchmark(Bench((variant("both", *MOSI),), path, tuple(seeds), root=ROOT / "mosi"), jobs=jobs)
    tables = [score_predictions(found) for found in runs["both"].values()]
    lines = ["| condition | MAE | Non0_F1_score | Corr | constant: MAE | F1 |", "|---" * 6 + "|"]
    for name in ("natural", *RATES, "frame_drop 0.9"):
        cells = []
        for metric in ("MAE", "Non0_F1_score", "Corr"):
            values = [table[name].metrics[metric] for table in tables]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")
        floor = tables[0][name].floor
        lines.append(f"| {name} | {' | '.join(cells)} | {floor['MAE']:.3f} | {floor['Non0_F1_score']:.3f} |")
    return lines


def topic_valid_words(seeds: Sequence[int], jobs: int) -> list[str]:
    """229 segments, leaving one video out: student, teacher, ridge and constant on the same folds."""
    path = piece("valid_words")
    pooled: dict[str, list[list[Predictions]]] = {"student": [], "teacher": []}
    for fold in range(10):
        bench = Bench(
            (variant("decayed", *WORDS),),
            path,
            tuple(seeds),
            split=f"leave-one-video-out.{fold}",
            root=ROOT / "valid_words",
        )
        runs = benchmark(bench, jobs=jobs)
        pooled["student"].append(list(runs["decayed"].values()))
        folders = [bench.run(bench.variants[0], seed).folder(_dataset(path)) / "teacher" for seed in seeds]
        pooled["teacher"].append([predictions.read(write_answers(folder)) for folder in folders])
    answers = {name: [_joined(folds, number) for number in range(len(seeds))] for name, folds in pooled.items()}
    reference = answers["student"][0]
    key = NAMES["natural"].key
    ridge, constant = _ridge(path)
    for name, values in (("ridge", ridge), ("constant", constant)):
        column = np.array([[values[identity]] for identity in reference.ids], dtype=np.float32)
        answers[name] = [dataclasses.replace(reference, answers={key: column})]
    lines = ["| | MAE | difference to the constant | 95 % |", "|---" * 4 + "|"]
    for name, runs in answers.items():
        error = np.mean([np.abs(run.answers[key] - run.targets).mean() for run in runs])
        found = paired_bootstrap(runs, answers["constant"], [key], "MAE")
        lines.append(f"| {name} | {error:.3f} | {found.difference:+.3f} | {found.low:+.3f} to {found.high:+.3f} |")
    gain = paired_bootstrap(answers["student"], answers["teacher"], [key], "MAE")
    lines.append(f"\nstudent - teacher: {gain.difference:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})")
    return lines


WORDS = ("train.epochs=20;30", "train.batch_size=16", "train.weight_decay=0.03")  # by validation on five of the folds


def _dataset(path: Path) -> str:
    with Artifact(path) as corpus:
        return corpus.description.dataset


def _joined(folds: list[list[Predictions]], number: int) -> Predictions:
    """Answers of all folds for one seed, in one."""
    parts = [fold[number] for fold in folds]
    return dataclasses.replace(
        parts[0],
        ids=tuple(name for part in parts for name in part.ids),
        dialogues=tuple(name for part in parts for name in part.dialogues),
        speakers=tuple(name for part in parts for name in part.speakers),
        turns=np.concatenate([part.turns for part in parts]),
        targets=np.concatenate([part.targets for part in parts]),
        known=np.concatenate([part.known for part in parts]),
        answers={key: np.concatenate([part.answers[key] for part in parts]) for key in parts[0].answers},
        spared={key: np.concatenate([part.spared[key] for part in parts]) for key in parts[0].spared},
    )


def _ridge(path: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Out-of-fold answers of ridge on mean GloVe, its strength chosen within the training videos, and of the median."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold

    features, scores, videos, ids = [], [], [], []
    with Artifact(path) as corpus:
        for split in corpus.splits:
            for utterance in corpus.utterances(split):
                rows = corpus.utterance(utterance.id)
                features.append(rows.features["text"].mean(axis=0))
                scores.append(utterance.labels["sentiment"])
                videos.append(utterance.dialogue)
                ids.append(utterance.id)
    inputs, truth, groups = np.stack(features), np.array(scores), np.array(videos)
    ridge, constant = {}, {}
    for video in np.unique(groups):
        train, test = groups != video, groups == video
        search = GridSearchCV(
            Ridge(), {"alpha": [0.3, 1, 3, 10, 30]}, scoring="neg_mean_absolute_error", cv=GroupKFold(5)
        )
        search.fit(inputs[train], truth[train], groups=groups[train])
        for row, value in zip(np.flatnonzero(test), search.predict(inputs[test]), strict=True):
            ridge[ids[row]], constant[ids[row]] = float(value), float(np.median(truth[train]))
    return ridge, constant


def topic_utterances(seeds: Sequence[int], jobs: int) -> list[str]:
    """MoMKE, one model for all conditions, on one vector per segment and modality; its own split."""
    path = piece("utterances_2199")
    bench = Bench((variant("momke", *MOMKE, model="momke"),), path, tuple(seeds), root=ROOT)
    tables = [score_predictions(found) for found in benchmark(bench, jobs=jobs)["momke"].values()]
    lines = ["| condition | accuracy | weighted F1 | constant: accuracy |", "|---" * 4 + "|"]
    for name in (*INCOMPLETE, "l,a,v"):
        cells = []
        for metric in ("WA", "weighted_F1"):
            values = [table[name].metrics[metric] for table in tables]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")
        lines.append(f"| {name} | {' | '.join(cells)} | {tables[0][name].floor['WA']:.3f} |")
    return lines


# The training part's text and vision vectors were fitted to its labels, so validation cannot tell a good model from an
# overfitted one; a small network for few epochs, which had the lowest loss there, is the choice.
MOMKE = (
    "model.width=32",
    "model.layers=1",
    "train.learning_rate=0.001",
    "train.batch_size=8",
    "train.epochs=10;40",
)

ABLATIONS: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "no DWAM (table 6)": ("model.dwam=false",),
    "no CSD (tables 6, 7)": ("model.lambda_csd=0",),
    "no SRD (tables 6, 7)": ("model.lambda_srd=0",),
    "no regulariser (table 7)": ("model.lambda_regulariser=0",),
    "task loss only (table 7)": ("model.lambda_csd=0", "model.lambda_srd=0", "model.lambda_regulariser=0"),
    "no transformer": ("model.layers=0",),
    "no noise filter": ("model.noise_filter=false",),
    "dropout 0.8": ("model.dropout=0.8",),
    "dropout 0.2": ("model.dropout=0.2",),
    "dropout 0.5": ("model.dropout=0.5",),
    "normalisation layer": ("model.normalisation=layer",),
    "normalisation time": ("model.normalisation=time",),
    "normalisation none": ("model.normalisation=none",),
    "gate fixed": ("model.gate=fixed",),
    "fusion product": ("model.fusion=product",),
    "similarity pairwise": ("model.similarity=pairwise",),
    "similarity both": ("model.similarity=both",),
    "values third": ("model.values=third",),
    "values self": ("model.values=self",),
    "mask_missing off": ("model.mask_missing=false",),
    "time alignment as bias": ("model.time_alignment=bias",),
    "time alignment off": ("model.time_alignment=off",),
    "window printed": ("model.window=printed",),
    "CSD at H_m": ("model.csd_level=mmt",),
    "CSD raw dot product": ("model.csd_normalised=false", "model.csd_scale=1"),
    "SRD tied": ("model.srd_projection=tied",),
    "SRD printed": ("model.srd_projection=printed",),
    "MSE": ("model.score_loss=mse",),
    "frame drop only": ("missing.kind=frame_only",),
    "modality drop only": ("missing.kind=modality_only",),
}
STUDENT_ONLY = ("lambda_csd", "lambda_srd", "csd_", "srd_", "missing.")  # settings that leave the teacher as it is


def topic_ablations(seeds: Sequence[int], jobs: int) -> list[str]:
    """Each alternative alone, scored on validation only: the test part is not for choosing."""
    columns: dict[str, dict[str, str]] = {}
    for name, path, settings in (
        ("linear", planted_corpus("linear", 1000), SMALL),
        ("mosi", piece("mosi"), MOSI),
    ):
        variants = tuple(
            variant(_slug(title), *settings, *changes, base=_base(title, changes))
            for title, changes in ABLATIONS.items()
        )
        bench = Bench(variants, path, tuple(seeds), part="valid", root=ROOT / "ablations" / name)
        runs = benchmark(bench, jobs=jobs)
        columns[name] = {title: _spread(_validated(name, path, runs[_slug(title)])) for title in ABLATIONS}
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return lines + [
        f"| {title} | " + " | ".join(column[title] for column in columns.values()) + " |" for title in ABLATIONS
    ]


CONTENDERS = ("as it is", "no transformer", "gate fixed", "values self", "mask_missing off")  # better on both above


def topic_contenders(seeds: Sequence[int], jobs: int) -> list[str]:
    """Alternatives that did better in the ablations, where modalities have to be joined: `sarcasm`, validation only."""
    path, root = planted_corpus("sarcasm", 2000), ROOT / "contenders"
    variants = tuple(variant(_slug(title), *SMALL, *ABLATIONS[title]) for title in CONTENDERS)
    runs = benchmark(Bench(variants, path, tuple(seeds), part="valid", root=root), jobs=jobs)
    lines = ["| | sarcasm, mean of 7 | complete |", "|---|---|---|"]
    for title in CONTENDERS:
        found = runs[_slug(title)]
        whole = [ratios(path, each, "valid")["l,a,v"] for each in found.values()]
        lines.append(f"| {title} | {_spread(_validated('sarcasm', path, found))} | {_spread(whole)} |")
    return lines


def _validated(name: str, path: Path, runs: dict[int, Predictions]) -> list[float]:
    """One number per seed: of a planted corpus the mean ratio to the optimum over the seven combinations."""
    if name == "mosi":
        return [_mosi_error(found) for found in runs.values()]
    tables = [ratios(path, found, "valid") for found in runs.values()]
    return [float(np.mean([table[key] for key in (*INCOMPLETE, "l,a,v")])) for table in tables]


def _spread(values: Sequence[float]) -> str:
    deviation = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{deviation}"


def _mosi_error(found: Predictions) -> float:
    """MAE, mean of complete text and the rates that it trains under."""
    scores = score_predictions(found)
    return float(np.mean([scores[name].metrics["MAE"] for name in ("natural", *RATES)]))


def _slug(title: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in title)


def _base(title: str, changes: Sequence[str]) -> str | None:
    same_teacher = changes and all(any(mark in change for mark in STUDENT_ONLY) for change in changes)
    return _slug("as it is") if same_teacher else None


TOPICS = {
    "planted": topic_planted,
    "distillation": topic_distillation,
    "distillation_large": topic_distillation_large,
    "lambdas": topic_lambdas,
    "mosi": topic_mosi,
    "valid_words": topic_valid_words,
    "utterances": topic_utterances,
    "ablations": topic_ablations,
    "contenders": topic_contenders,
}


def main() -> None:
    """Run one topic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topic", choices=TOPICS)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    given = parser.parse_args()
    text = "\n".join(TOPICS[given.topic](SEEDS[: given.seeds], given.jobs))
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / f"{given.topic}.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
