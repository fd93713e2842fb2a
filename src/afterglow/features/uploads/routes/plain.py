"""HTTP of one plain file."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from afterglow.features.photos.models import Source
from afterglow.features.uploads import service
from afterglow.features.uploads.errors import FieldNotSupportedError, MissingFileError, SecondFileError
from afterglow.features.uploads.routes.request import Ports, Signer, announced_bytes, signature_of
from afterglow.features.uploads.rules import parse_modified_at
from afterglow.features.uploads.schemas import AcceptedOut
from afterglow.features.uploads.service import ReceivedFile, UploadPorts
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.multipart import FieldPart, FilePart, stream_multipart
from afterglow.kernel.principal import Principal

router = APIRouter(prefix="/api", tags=["upload"], route_class=IdempotentRoute)


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "modifiedAt": {"type": "string", "format": "date-time"},
                    },
                }
            }
        },
    }
}


@router.post("/upload", status_code=HTTPStatus.CREATED, openapi_extra=_FORM)
async def upload(
    request: Request, response: Response, ports: Ports, principal: CurrentPrincipal, signer: Signer
) -> AcceptedOut:
    """Take one file as an ordinary form (`curl -F file=@a.jpg`); 200 instead of 201 when nothing new was kept."""
    await service.require_room_for_file(ports, principal, announced_bytes(request))
    file, source = await _receive_form(request, ports, principal)
    accepted = await service.accept_file(ports, principal, file, source)
    if accepted.is_duplicate or accepted.is_tombstoned:
        response.status_code = HTTPStatus.OK
    return AcceptedOut.of(accepted, signature_of(accepted, file.size_bytes, signer, principal))


async def _receive_form(request: Request, ports: UploadPorts, principal: Principal) -> tuple[ReceivedFile, Source]:
    """Stream the form's file into the spool; nothing stays if the rest of the form is wrong."""
    file: ReceivedFile | None = None
    name, modified_at = "", None
    try:
        async for part in stream_multipart(request):
            match part:
                case FilePart(name="file") if file is None:
                    name = part.filename
                    file = await service.receive_file(ports, principal, part.chunks)
                case FilePart(name="file"):
                    raise SecondFileError
                case FieldPart(name="file"):
                    raise MissingFileError
                case FieldPart(name="modifiedAt"):
                    modified_at = parse_modified_at(part.value)
                case _:
                    raise FieldNotSupportedError(field=part.name)
    except BaseException:
        if file:
            await service.discard_file(ports, file)
        raise
    if file is None:
        raise MissingFileError
    return file, Source("upload", name, modified_at)
