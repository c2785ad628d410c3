"""Answer over HTTP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mmfeat import console
from mmfeat.errors import MissingDependency
from zoo.cli.app import Glove, Model, app

Host = Annotated[str, typer.Option(help="Address to listen at; other than loopback: reachable from outside.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: a free one, which the log names.")]
AnyDevice = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
TokenFile = Annotated[
    Path | None, typer.Option(help="File with the token that requests must bear; or in the variable ZOO_TOKEN.")
]


@app.command(epilog="Example: zoo serve demo --port 8000")
def serve(
    checkpoint: Model,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    device: AnyDevice = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that answer; default: one per GPU, one on a CPU.")
    ] = None,
    glove: Glove = None,
    token_file: TokenFile = None,
    max_upload: Annotated[int, typer.Option(min=1, help="Largest clip, MiB.")] = 200,
    max_duration: Annotated[float, typer.Option(min=1, help="Longest clip, s.")] = 600.0,
    queue: Annotated[int, typer.Option(min=1, help="Requests that may wait.")] = 256,
    batching: Annotated[bool, typer.Option(help="Answer requests together that wait together.")] = True,
    grace: Annotated[float, typer.Option(min=0, help="Time to finish what was accepted when told to stop, s.")] = 30.0,
) -> None:
    """Answer over HTTP: feature rows at once, clips through a queue; metrics, OpenAPI, limits."""
    from zoo.serve.access import TOKEN_VARIABLE, read_token
    from zoo.serve.settings import MIB, Limits, Settings

    limits = Limits(upload=max_upload * MIB, duration=max_duration, queue=queue, batch=32 if batching else 1)
    settings = Settings(
        checkpoint=checkpoint,
        host=host,
        port=port,
        device=device,
        workers=workers,
        glove=glove and glove.absolute(),
        token=read_token(token_file, os.environ.get(TOKEN_VARIABLE)),
        grace=grace,
        limits=limits,
    )
    if settings.token is None and not settings.loopback:
        console.note(f"note: anybody who reaches {host} may ask; give a token with --token-file or ZOO_TOKEN")
    try:
        from zoo.serve.running import run
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"package {error.name} is not installed; expected what the service needs; pip install 'mmfeat[serve]'"
        ) from None
    run(settings)
