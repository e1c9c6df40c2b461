"""How much of a file is in memory at a time, whatever the file holds."""

BATCH_ROWS = 8192
TEXT_BATCH_ROWS = 1024
TEXT_BATCH_CHARS = 4 << 20
# No column of a batch takes more.
BATCH_BYTES = 64 << 20
BUFFER_BYTES = 1 << 20
# The memory of a number, however small a file makes it.
VALUE_BYTES = 8
CHUNK_CHARS = 1 << 20
# One row of text may not be larger; without a bound, a file with an unclosed brace would be read whole.
MAX_ROW_CHARS = 16 << 20


MAX_ERROR_CHARS = 300
