"""Answers that can be kept: a strong ETag over the bytes, and 304 for who has them already."""

from hashlib import sha256

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

JSON = "application/json"


def document(request: Request, model: BaseModel) -> Response:
    """Return a model as JSON with its ETag, or 304."""
    return kept(request, model.model_dump_json().encode(), JSON)


def kept(request: Request, body: bytes, media: str, name: str = "") -> Response:
    """Return bytes with their ETag, or 304; `name`: of the file that a browser would keep."""
    digest = sha256(body).hexdigest()
    if knows(request, digest):
        return Response(status_code=304, headers=tags(digest))
    headers = tags(digest)
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(body, media_type=media, headers=headers)


def tags(digest: str) -> dict[str, str]:
    """Return the headers of bytes with this SHA-256."""
    return {"ETag": _tag(digest), "Cache-Control": "private, no-cache"}


def knows(request: Request, digest: str) -> bool:
    """Say whether who asks has the bytes with this SHA-256 already."""
    said = request.headers.get("if-none-match", "")
    known = [one.strip().removeprefix("W/") for one in said.split(",")]
    return _tag(digest) in known or "*" in known


def _tag(digest: str) -> str:
    return f'"{digest[:32]}"'
