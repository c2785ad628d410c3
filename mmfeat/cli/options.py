"""Options that several commands share, and how their text is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mmfeat.errors import ConfigError

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PLUGIN.KEY=VALUE", help="Setting of a plug-in; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Realign = Annotated[bool, typer.Option(help="Align again where the transcript brought times.")]
Aligner = Annotated[str, typer.Option(help="Forced aligner for plain transcripts.")]
TranscriberName = Annotated[
    str | None,
    typer.Option(
        "--transcriber", help="For clips without transcript: whisper (extra 'asr') or pocketsphinx (built in, rough)."
    ),
]


def one_of(option: str, value: str, allowed: Sequence[str]) -> Any:
    """Value of an option that has a few; raises ConfigError for any other."""
    if value not in allowed:
        raise ConfigError(f"{option} {value!r}; expected {' or '.join(allowed)}")
    return value


def pair(entry: str) -> tuple[str, str]:
    """``key=value`` of one ``--set``; raises ConfigError for anything else."""
    key, equals, value = entry.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {entry!r}; expected KEY=VALUE; for instance --set hop_length=256")
    return key, value


def settings_of(entries: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """``plugin.key=value`` entries by plug-in; an unknown plug-in is a typing error."""
    from mmfeat import registry

    # Aligners and transcribers go by their role: pocketsphinx is both.
    known = {*registry.names("mmfeat.extractors"), "faces", "aligner", "transcriber"}
    settings: dict[str, dict[str, Any]] = {}
    for entry in entries or ():
        key, value = pair(entry)
        plugin, dot, name = key.partition(".")
        if not dot or plugin not in known:
            raise ConfigError(
                f"--set {entry!r}; expected PLUGIN.KEY=VALUE with PLUGIN one of {', '.join(sorted(known))}; "
                "for instance --set transcriber.model=small.en"
            )
        settings.setdefault(plugin, {})[name] = value
    return settings


def show_summary(summary: Any, as_json: bool) -> None:
    """Print a summary, for a person or a machine."""
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    oov, observed, dims = summary["out_of_vocabulary"], summary["observed"], summary["dims"]
    lines = [
        f"{summary['path']}  ({summary['dataset']}, {summary['duration']:.1f} s of speech)",
        "utterances  " + ", ".join(f"{split} {count}" for split, count in summary["splits"].items()),
        f"word rows   {summary['words']}",
        *(
            f"{name:<12}{width:>4} dimensions, {observed[name]:6.1%} of rows observed ({summary['extractors'][name]})"
            for name, width in dims.items()
        ),
    ]
    if "text" in dims:
        worst = ", ".join(f"{word} {count}" for word, count in list(oov["words"].items())[:8])
        lines.append(
            f"unknown     {oov['count']} words ({oov['share']:.1%}) not in the vectors{': ' + worst if worst else ''}"
        )
    for name, entry in summary["labels"].items():
        shown = entry.get("classes") or {
            key: round(entry[key], 2) for key in ("lowest", "mean", "highest") if key in entry
        }
        lines.append(f"label       {name}: {entry['known']} known, " + ", ".join(f"{k} {v}" for k, v in shown.items()))
    typer.echo("\n".join(lines))


def show_table(rows: Sequence[dict[str, str]], as_json: bool) -> None:
    """Print rows of text in aligned columns, or as JSON."""
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in rows[0]}
    typer.echo("\n".join("  ".join(row[key].ljust(width) for key, width in widths.items()).rstrip() for row in rows))
