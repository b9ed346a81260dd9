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
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _knows(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(body, media_type=media, headers=headers)


def _knows(said: str, tag: str) -> bool:
    known = [one.strip().removeprefix("W/") for one in said.split(",")]
    return tag in known or "*" in known
