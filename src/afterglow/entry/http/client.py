"""The web client's files: hashed assets for ever, its one page for every other path."""

import asyncio
import mimetypes
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

from afterglow.infra.web.files import CachePolicy, file_response
from afterglow.kernel.errors import NotFoundError

_PAGE = "index.html"
_ASSETS = "assets"
# What `file_response` says of strangers' files: that they may run nothing, and are saved rather than shown.
_FOR_STRANGERS = ("Content-Security-Policy", "Content-Disposition")


class RouteNotFoundError(NotFoundError):
    """The API has no such route."""

    code = "route.not-found"


class ClientFileNotFoundError(NotFoundError):
    """The web client has no such file; a page loaded before an upgrade asks for it: load it again."""

    code = "client.file-not-found"


class ClientNotBuiltError(NotFoundError):
    """The web client has not been built; `make up` does it."""

    code = "client.not-built"


def mount_client(app: FastAPI, folder: Path) -> None:
    """Serve the built client: its files under their names, its page for all paths that the client routes itself."""

    @app.get("/{path:path}", include_in_schema=False)
    @app.head("/{path:path}", include_in_schema=False)
    async def get_client(path: str, request: Request) -> Response:
        if path == "api" or path.startswith("api/"):
            # A route that is there and knows no HEAD gets here too.
            raise RouteNotFoundError if request.method == "GET" else HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
        file = await asyncio.to_thread(_find_file, folder, path)
        # Assets carry the hash of their content in their names.
        cache = CachePolicy.IMMUTABLE if file.parent.name == _ASSETS else CachePolicy.REVALIDATE
        stat = await asyncio.to_thread(file.stat)
        etag = f"{stat.st_mtime_ns:x}-{stat.st_size:x}"
        mime = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return _as_our_own(await file_response(request, file, mime=mime, etag=etag, cache=cache))


def _as_our_own(response: Response) -> Response:
    """Return the answer under the policy of the application, which every answer gets that brings none."""
    for name in _FOR_STRANGERS:
        if name in response.headers:
            del response.headers[name]
    return response


def _find_file(folder: Path, path: str) -> Path:
    """Return the file of this name below the folder, else the client's page.

    Raises:
        ClientFileNotFoundError: An asset of another build of the client.
        ClientNotBuiltError: There is no page.
    """
    root = folder.resolve()
    try:
        wanted = (root / path).resolve()
        is_ours = wanted.is_relative_to(root) and wanted.is_file()
    except (OSError, ValueError):
        # Too long for a name, or with a NUL in it.
        is_ours = False
    if is_ours:
        return wanted
    if path.startswith(f"{_ASSETS}/"):
        raise ClientFileNotFoundError
    page = root / _PAGE
    if not page.is_file():
        raise ClientNotBuiltError
    return page
