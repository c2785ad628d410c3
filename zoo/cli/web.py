"""The page to try a model with."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mmfeat import console
from mmfeat.errors import MissingDependency
from zoo.cli.app import Glove, Model, app
from zoo.cli.serving import AnyDevice, Host, Port, TokenFile


@app.command(epilog="Example: zoo web --open")
def web(
    checkpoint: Model = "demo",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    device: AnyDevice = "auto",
    glove: Glove = None,
    token_file: TokenFile = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """A page to try a model with: a clip in, its words, emotion over time, and what the model says with less."""
    from zoo.packing import find
    from zoo.serve import Settings
    from zoo.serve.access import TOKEN_VARIABLE, read_token

    if show and port == 0:
        raise typer.BadParameter("expected a port that is known before; give --port", param_hint="--open")
    token = read_token(token_file, os.environ.get(TOKEN_VARIABLE))
    folder = find(checkpoint).absolute()
    settings = Settings(folder, host, port, device, glove=glove and glove.absolute(), token=token)
    if token is None and not settings.loopback:
        console.note(f"note: anybody who reaches {host} may ask; give a token with --token-file or ZOO_TOKEN")
    try:
        from zoo.serve import create_app, run
        from zoo.web import add_page, open_browser
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"package {error.name} is not installed; expected what the page needs; pip install 'mmfeat[web]'"
        ) from None
    service = create_app(settings)
    add_page(service, folder)
    if show:
        open_browser(host, port)
    run(settings, service)
