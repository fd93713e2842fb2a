"""An application for a real server: files, a form, and a refusal in the middle of a body."""

import hashlib
import os
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response

from afterglow.infra.web import problems
from afterglow.infra.web.drain import DrainRefusedBodies
from afterglow.infra.web.files import CachePolicy, file_response
from afterglow.infra.web.headers import RequestIds, SecurityHeaders
from afterglow.infra.web.multipart import FilePart, stream_multipart
from afterglow.kernel.errors import StorageFullError

api = FastAPI()
problems.install(api)


@api.api_route("/file", methods=["GET", "HEAD"])
async def serve_file(request: Request) -> Response:
    path = Path(os.environ["SERVED_FILE"])
    return await file_response(request, path, mime="image/jpeg", etag="tag", cache=CachePolicy.REVALIDATE)


@api.post("/form")
async def take_form(request: Request) -> dict[str, str]:
    found = {}
    async for part in stream_multipart(request):
        if isinstance(part, FilePart):
            digest = hashlib.sha256()
            async for chunk in part.chunks:
                digest.update(chunk)
            found[part.filename] = digest.hexdigest()
    return found


@api.post("/full")
async def refuse(request: Request) -> None:
    async for _ in request.stream():
        raise StorageFullError


app = RequestIds(SecurityHeaders(DrainRefusedBodies(api)))
