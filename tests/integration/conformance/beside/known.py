"""Why some outcomes differ: by case, which side Milvus 3.0 is on, or what Milvus Lite cannot."""

LATER = "later versions do as the local Milvus"
WRAPS = "Milvus lets a number that is too large turn around; the local one refuses it"
LESS = "Milvus Lite has no such filter"
MORE = "Milvus Lite takes more filters than a cluster"
KNOWN = {
    **dict.fromkeys(
        (
            "filter: 3 <= id < 7",
            "filter: 7 > id >= 3",
            "filter: id % 2 == 0",
            'filter: "b" <= text <= "d"',
            'filter: document["n"] in [1, 2]',
            "filter: tags == [3, 4, 5]",
        ),
        LESS,
    ),
    **dict.fromkeys(
        (
            "filter: small >= 1.5",
            "filter: flag",
            "filter: not flag",
            "filter: id > 1e3",
            "filter: id == 3.0",
        ),
        MORE,
    ),
    "filter: id / 2 == 2": "Milvus divides integers as integers, Milvus Lite as fractions",
    **dict.fromkeys(
        (
            "filter: id * 2 > 9",
            "filter: id - 1 >= 4",
            'filter: text like "%a"',
            "filter: 1 == 1",
            "filter: true",
            "index: AUTOINDEX HAMMING",
            "index: HNSW HAMMING",
            "index: HNSW {'M': 1, 'efConstruction': 64}",
            "index: INVERTED on id",
            "index: INVERTED on small",
            "index: of no type on flag",
            "index: INVERTED on flag",
            "index: INVERTED on single",
            "index: STL_SORT on text",
            "index: INVERTED on text",
            "alias: drop its collection",
            "partition called 'a-b'",
            "field called 'like'",
            "field called 'and'",
            'REST insert: id "9223372036854775807"',
            'REST insert: small "3.0"',
            'REST insert: double "NaN"',
            'REST insert: double "inf"',
            'REST insert: vector "[1, 2, 3, 4]"',
            'REST insert: vector [1, 2, 3, "4"]',
        ),
        LATER,
    ),
    **dict.fromkeys(
        ("REST insert: small 128", 'REST insert: small "128"', "REST insert: small -129"),
        WRAPS,
    ),
    'REST insert: text {"a": 1}': "Milvus keeps the blanks of the request",
}
