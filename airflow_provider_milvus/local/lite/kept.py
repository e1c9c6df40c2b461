"""What a cluster knows of a collection and Milvus Lite has no place for.

None of it changes what an import, a query or a search finds: one process has no shards, it always reads what was
written last, and rows find their bucket by themselves however many there are. So it is kept, among the properties of
the collection, and shown by `describe`.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from milvus_lite.exceptions import SchemaValidationError

KEY = "airflow_provider_milvus.local"
MAX_SHARDS, MAX_PARTITIONS = 16, 1024
CONSISTENCY_LEVELS = ("Strong", "Session", "Bounded", "Eventually", "Customized")


@dataclass
class Kept:
    """What was given when the collection and its indexes were created.

    What begins with `index_` goes by field, and so does `vector_types`: those that Milvus Lite holds as floats.
    """

    description: str = ""
    shards: int = 1
    partitions: int = 0
    consistency_level: str = "Bounded"
    index_names: dict[str, str] = field(default_factory=dict)
    index_types: dict[str, str] = field(default_factory=dict)
    index_properties: dict[str, dict[str, str]] = field(default_factory=dict)
    index_metrics: dict[str, str] = field(default_factory=dict)
    clustering_key: str = ""
    vector_types: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, properties: dict[str, Any]) -> "Kept":
        """What the properties of a collection hold of it."""
        known = {one.name for one in fields(cls)}
        given = json.loads(properties.get(KEY) or "{}")
        return cls(**{name: value for name, value in given.items() if name in known})

    def as_property(self) -> dict[str, str]:
        """What to set in the properties of the collection."""
        return {KEY: json.dumps(asdict(self))}

    def index_name(self, field_name: str) -> str:
        """What the index of a field is called."""
        return self.index_names.get(field_name, field_name)

    def forget_index(self, field_name: str) -> None:
        """Keep nothing of an index that is dropped."""
        self.index_names.pop(field_name, None)
        self.index_types.pop(field_name, None)
        self.index_properties.pop(field_name, None)
        self.index_metrics.pop(field_name, None)

    def check(self) -> None:
        """Raises SchemaValidationError for numbers that a cluster refuses."""
        if self.shards > MAX_SHARDS:
            raise SchemaValidationError(f"maximum shards's number should be limited to {MAX_SHARDS}")
        if self.partitions > MAX_PARTITIONS:
            raise SchemaValidationError(
                f"partition number ({self.partitions}) exceeds max configuration ({MAX_PARTITIONS})"
            )


def shown(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties that a user set."""
    return {key: value for key, value in properties.items() if key != KEY}
