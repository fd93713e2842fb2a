"""The web client's files: hashed assets for ever, its one page for every other path."""

import asyncio
import mimetypes
from pathlib import Path

from fastapi import FastAPI, Request, Response

from afterglow.infra.web.files import CachePolicy, file_response
from afterglow.kernel.errors import NotFoundError

_PAGE = "index.html"


class RouteNotFoundError(NotFoundError):
    """The API has no such route."""

    code = "route.not-found"


class ClientNotBuiltError(NotFoundError):
    """The web client has not been built; `make up` does it."""

    code = "client.not-built"


def mount_client(app: FastAPI, folder: Path) -> None:
    """Serve the built client: its files under their names, its page for all paths that the client routes itself."""

    @app.get("/{path:path}", include_in_schema=False)
    async def get_client(path: str, request: Request) -> Response:
        if path == "api" or path.startswith("api/"):
            raise RouteNotFoundError
        file = await asyncio.to_thread(_find_file, folder, path)
        if file is None:
            raise ClientNotBuiltError
        # Assets carry the hash of their content in their names.
        cache = CachePolicy.IMMUTABLE if file.parent.name == "assets" else CachePolicy.REVALIDATE
        stat = await asyncio.to_thread(file.stat)
        etag = f"{stat.st_mtime_ns:x}-{stat.st_size:x}"
        mime = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return await file_response(request, file, mime=mime, etag=etag, cache=cache)


def _find_file(folder: Path, path: str) -> Path | None:
    """Return the file of this name below the folder, else the client's page, else None."""
    root = folder.resolve()
    wanted = (root / path).resolve()
    if wanted.is_file() and wanted.is_relative_to(root):
        return wanted
    page = root / _PAGE
    return page if page.is_file() else None
