"""The JSON of every wire: DRF's own, byte for byte, written by orjson where that writes the same."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson
from rest_framework.renderers import JSONRenderer

# What DRF escapes, or writes, in another way.
LINES = "\u2028".encode(), "\u2029".encode()
_default = JSONRenderer.encoder_class().default


class Renderer(JSONRenderer):
    """JSON without spaces; ``ascii_only`` escapes all that is not ASCII."""

    ascii_only: ClassVar[bool] = False

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """Return the body; nothing stays nothing."""
        if data is None:
            return b""
        if ";" not in (accepted_media_type or ""):  # nobody asked for an indent
            try:
                body = orjson.dumps(data, _default, orjson.OPT_PASSTHROUGH_DATETIME)
            except TypeError:
                pass  # a number beyond 64 bits, half a surrogate pair, a key that is no text
            else:
                if body.isascii():
                    if not self.ascii_only or b"\x7f" not in body:
                        return body
                elif not self.ascii_only and not any(line in body for line in LINES):
                    return body
        text: bytes = super().render(data, accepted_media_type, renderer_context)
        return text
