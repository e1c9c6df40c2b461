"""The bytes of a response, bounded."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping

from airflow_provider_milvus.rest.decoding import Limit
from airflow_provider_milvus.rest.envelope import MAX_ERROR_PAGE
from airflow_provider_milvus.rest.errors import MilvusProtocolError, MilvusResponseTooLarge

# The only encoding that requests accept; a response with another one is an error.
ACCEPT_ENCODING = "gzip"
# Smaller bodies are parsed on the event loop: a thread would take longer.
SMALL_BODY = 64_000
# So many chunks may be of any size; a server that sends more of them with a few bytes each wastes its reader's time.
MAX_CHUNKS = 10_000
MIN_CHUNK = 64
# Bytes that are decompressed at a time.
PIECE_SIZE = 256_000


class Body:
    """Collects the body of a response.

    :param status: of an error, a first part is read and is enough.
    """

    def __init__(self, status: int, headers: Mapping[str, str], limit: Limit) -> None:
        self._encoding = headers.get("Content-Encoding", "").strip().lower()
        self._is_error = status >= 400
        self._limit = min(limit.size, MAX_ERROR_PAGE) if self._is_error else limit.size
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> bool:
        """Take in a chunk as it came; whether more of them are wanted.

        :raises MilvusResponseTooLarge: where the response has more bytes or chunks than it may have.
        """
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > self._limit:
            return self._too_large()
        if len(self._chunks) > MAX_CHUNKS and self._size < MIN_CHUNK * len(self._chunks):
            raise MilvusResponseTooLarge(f"the response comes in more than {MAX_CHUNKS:,} tiny chunks")
        return True

    @property
    def chunks(self) -> int:
        """How many there were."""
        return len(self._chunks)

    @property
    def is_small(self) -> bool:
        """Whether it is read at once, without help of a thread."""
        return self._size <= SMALL_BODY and not self._encoding

    def decoded(self) -> bytes:
        """All of it, decompressed.

        :raises MilvusProtocolError: where it cannot be decompressed, or is too large then.
        """
        chunks, self._chunks = self._chunks, []
        if self._encoding in ("", "identity"):
            return b"".join(chunks)
        if self._encoding not in ("gzip", "x-gzip"):
            raise MilvusProtocolError(f"the response has a Content-Encoding other than {ACCEPT_ENCODING}")
        # A buffer that grows in place, of which the value is no copy: half the memory of a list that is joined.
        decompressor, decompressed = zlib.decompressobj(wbits=31), io.BytesIO()
        try:
            for chunk in chunks:
                # Piece by piece, as zlib would take twice the memory of what it returns.
                while chunk and not decompressor.eof and decompressed.tell() <= self._limit:
                    decompressed.write(decompressor.decompress(chunk, PIECE_SIZE))
                    chunk = decompressor.unconsumed_tail
        except zlib.error as error:
            raise MilvusProtocolError(f"the response is no valid gzip: {error}") from None
        if decompressed.tell() > self._limit:
            self._too_large()
        elif not decompressor.eof and not self._is_error:
            raise MilvusProtocolError("the response ends in the middle of its gzip data")
        return decompressed.getvalue()

    def _too_large(self) -> bool:
        """``False`` for an error, of which enough is there."""
        if not self._is_error:
            raise MilvusResponseTooLarge(f"the response is larger than {self._limit:,} bytes")
        return False
