"""Routes of the page and of the sample clip. All of it is on this machine; the page may load nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, JSONResponse, Response

from zoo.packing import sample_of
from zoo.serve.refusals import Refused

if TYPE_CHECKING:
    from fastapi import FastAPI

PAGE = "page.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
POLICY = (
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",  # no text ever becomes markup or code,
    "trusted-types 'none'",  # and nothing may say that it is trusted
)
HEADERS = {
    "Content-Security-Policy": "; ".join(POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}


def add_page(app: FastAPI, model_folder: Path) -> None:
    """Add ``/``, ``/static/NAME``, ``/sample`` and the sample's files to a service.

    The page itself is for everybody, also where the service asks for a token; the page then asks its user.

    Parameters
    ----------
    app : FastAPI
        As `zoo.serve.create_app` makes it. The routes stay out of its OpenAPI description.
    model_folder : Path
        Of the model that it serves; the sample is what `zoo.packing.sample_of` finds in it.
    """
    files = {path.name: path.read_bytes() for path in (Path(__file__).parent / "static").iterdir()}
    clip, transcript = sample_of(model_folder) or (None, None)
    sample = {name: path for name, path in {"clip": clip, "transcript": transcript}.items() if path is not None}

    def static(name: str) -> Response:
        if name not in files:
            raise Refused(404, "unknown_file", "no such file; expected one of the page's; check the address")
        return Response(files[name], headers=HEADERS, media_type=TYPES[Path(name).suffix])

    def page() -> Response:
        return static(PAGE)

    def sample_names() -> Response:
        if not sample:
            raise Refused(404, "no_sample", "no sample came with this model; expected one; give a clip of your own")
        named = {name: {"path": f"/sample/{name}", "name": f"sample{path.suffix}"} for name, path in sample.items()}
        return JSONResponse(named, headers=HEADERS)

    def sample_file(name: str) -> Response:
        if name not in sample:
            raise Refused(404, "no_sample", "no such file of the sample; expected one that /sample names; ask for that")
        return FileResponse(sample[name], headers=HEADERS)

    routes: dict[str, Callable[..., Response]] = {
        "/": page,
        "/static/{name}": static,
        "/sample": sample_names,
        "/sample/{name}": sample_file,
    }
    for path, answer in routes.items():
        app.add_api_route(path, answer, methods=["GET"], include_in_schema=False, response_model=None)
    app.state.service.access.open("/", "/static")
