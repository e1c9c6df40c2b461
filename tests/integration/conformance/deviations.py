"""The rules of the reference that the local Milvus does not keep, and why."""

# Section, what a cluster does, what the local Milvus does, and the reason.
DEVIATIONS = [
    ("1.1", "serves the v1 API below /v1", "404", "Imports of self-hosted Milvus are not in it."),
    ("1.2", "sends X-Milvus-Trace-Id", "no such header", "There are no traces that it could be found in."),
    (
        "1.1",
        "lets pages of any site call it",
        "only with a token; without one it refuses their requests with 403 and code 1401",
        "It runs on the machine where its user browses.",
    ),
    (
        "1.2, 6.2",
        "takes API keys, users and their privileges: 403",
        "one token, whose bearer may do all; of users, who come in over REST alone, the privilege Import",
        "Milvus Lite has no users. The fault `403` stands in for other refusals.",
    ),
    (
        "1.4",
        "500 after a panic of a handler",
        "200 and code 65535",
        "Python has no panics; a bug is reported in the envelope.",
    ),
    (
        "1.5",
        "gives up after a time of its own",
        "only after that of Request-Timeout",
        "Milvus Lite loads and indexes within the request, where a cluster does it later.",
    ),
    (
        "2.3 row 15",
        "refuses paths of its own storage",
        "searches for the file",
        "The bucket is a folder of its own, which holds nothing but the user's files.",
    ),
    ("2.3 rows 16, 17", "restores backups", "no binlog to import", "Milvus Lite writes no binlogs."),
    ("2.3 row 18", "2101 on the newest line", "2100", "That is what released versions send."),
    ("2.3 row 19", "refuses imports of a replicating cluster", "never does", "Milvus Lite does not replicate."),
    (
        "2.3 row 21",
        "1 while the coordinator starts",
        "refuses to connect",
        "It listens only when it can serve. The fault `code` stands in for it.",
    ),
    (
        "2.6",
        "honours skip_disk_quota_check, storage_version, start_ts, end_ts, ezk",
        "ignores them",
        "They are about backups and quotas.",
    ),
    (
        "4.2",
        "lists no files of a job that failed before it imported",
        "lists them with their reasons",
        "So that a client can name every bad file.",
    ),
    ("4.4", "shows rows of sorting and of building indexes", "no such phases", "Milvus Lite does both when it loads."),
    (
        "5.1",
        "checks timeouts and dropped collections every two minutes",
        "at every step",
        "Nobody waits two minutes for a test.",
    ),
    (
        "5.6",
        "112 for a schema change while an import runs (newest master)",
        "no such refusal",
        "No released version does it, and Milvus Lite has no schema changes.",
    ),
    (
        "7.2",
        "shows rows of a job without refresh_load if the collection was loaded while it was Uncommitted",
        "after refresh_load",
        "The reference says not to rely on it.",
    ),
    (
        "7.2",
        "a rename leaves imported rows unseen until refresh_load",
        "shows them",
        "Milvus Lite opens the collection again.",
    ),
    ("8", "1807 for too many loads and flushes", "no such limit", "The faults `429` and `code` stand in for it."),
    (
        "9.1",
        "keeps all rows that are inserted with one primary key",
        "an insert replaces the row; imported rows are all kept",
        "That is how Milvus Lite inserts; with generated keys nothing differs.",
    ),
    (
        "11.1",
        "texts beyond VarChar, arrays of vectors, molecules",
        "3000",
        "Milvus Lite cannot store them.",
    ),
    (
        "11.1",
        "stores Float16, BFloat16, Int8 and binary vectors in 1 or 2 bytes a number, or 1 bit",
        "holds them as 32-bit floats; by JACCARD it compares all rows, and groups no hits",
        "Milvus Lite has 32-bit floats alone. Their values are the same.",
    ),
    (
        "11.2",
        "MINHASH_LSH indexes, and the metrics MHJACCARD, SUBSTRUCTURE and SUPERSTRUCTURE",
        "1100",
        "Milvus Lite has none of them.",
    ),
    ("11.1", "functions that call a model", "3000", "Milvus Lite computes BM25 alone."),
    (
        "1.1",
        "users, roles, privilege and resource groups, segments, quotas, field and function changes, exported snapshots",
        "3000",
        "Milvus Lite has none of them. They are declared in local/routes/unsupported.py.",
    ),
    (
        "11.1",
        "struct fields, external collections, times to live, partition key isolation",
        "3000",
        "Milvus Lite would keep some of them and act on none.",
    ),
    (
        "11.3",
        "partial updates, ordered and grouped queries, search aggregation, function scores and chains",
        "3000",
        "Milvus Lite cannot.",
    ),
    (
        "11.3",
        "scores of 0 to 1 for each metric before weights apply",
        "as Milvus Lite normalizes them",
        "The hits are right, their order may differ where metrics are mixed.",
    ),
    ("11.1", "VarChar keys that generate themselves", "1100", "Milvus Lite makes numbers alone."),
    (
        "11.1",
        "shardsNum, partitionsNum, consistencyLevel, clustering keys, mmap and warm-up settings",
        "checked, kept, and shown by describe; one shard, 16 buckets, always strongly consistent",
        "They change what an import costs and not which rows it brings. See local/lite/kept.py.",
    ),
    (
        "11.1",
        "limits of rates, quotas and numbers of collections, denied operations, dynamicfield.enabled, "
        "allow_insert_auto_id, query_mode, namespaces, encryption, replication",
        "3000",
        "Milvus Lite would keep the properties and act on none. See PROPERTIES in local/routes/unsupported.py.",
    ),
    (
        "11.1",
        "analyzers other than standard and jieba, filters other than stop and lowercase, multi_analyzer_params",
        "3000",
        "Milvus Lite has no others.",
    ),
    (
        "11.3",
        "round_decimal, iterators, analyzer_name, timezone, time_fields, JSON paths and other search parameters",
        "3000",
        "Milvus Lite ignores them. See SEARCH_PARAMS in local/routes/unsupported.py.",
    ),
    ("11.3", "sum, min, max, avg and count(*) beside other output fields", "3000", "Milvus Lite counts alone."),
    ("11.1", "rename into another database", "3000", "Milvus Lite cannot move a collection."),
    ("11.1", "compacts by clustering key", "3000", "Milvus Lite merges small segments alone."),
    (
        "11.2",
        "DISKANN, SCANN, IVF_PQ, IVF_RABITQ, HNSW_PQ, SPARSE_WAND, BITMAP, STL_SORT and Trie indexes",
        "FLAT, SPARSE_INVERTED_INDEX and INVERTED ones under their names",
        "Milvus Lite has no others; the same rows are found, or closer ones.",
    ),
    (
        "11.2",
        "drop_ratio_build and drop_ratio_search leave out small weights of sparse vectors",
        "none is left out",
        "Milvus Lite searches exactly.",
    ),
    ("11.3", "ST_EQUALS and other functions that Milvus Lite's filters do not know", "1100", "Milvus Lite cannot."),
    ("11.2", "loads and releases some partitions of a collection", "3000", "Milvus Lite does whole collections."),
    ("11.2", "numbers databases", "a number made from the name", "Milvus Lite has none."),
    (
        "11.3",
        "divides integers as integers and compares them with integers alone; takes chained comparisons, %, in of JSON "
        "paths and == of arrays",
        "/ gives fractions, integers are compared with fractions, the others are 1100",
        "The filters are those of Milvus Lite.",
    ),
    (
        "11.3",
        "lets an inserted number that is too large for Int8, Int16 or Int32 turn around",
        "1804",
        "A number that nobody sent helps nobody.",
    ),
    (
        "11.1",
        "counts rows in its statistics only after they are flushed",
        "all rows",
        "Milvus Lite has no growing segments.",
    ),
    ("11.2", "FAISS indexes (newest master)", "1100", "No released version has them."),
    ("11.1", "the analyzer jieba", "3000 where the package jieba is not installed", "It is no part of Milvus Lite."),
]
# Milvus's own tests that were run against the local Milvus: which, how many of them pass, and why the others do not.
JUDGED = [
    (
        "importutilv2/{json,csv}/row_parser_test.go",
        "334 of 334",
        "struct arrays are left out",
    ),
    (
        "importutilv2/{parquet,numpy} tests",
        "229 of 231",
        "`{` and `{}`: the reader reports the end of the file, which makes a job without rows",
    ),
    (
        "httpserver/handler_v2_test.go",
        "120 of 149 (master), 106 of 125 (2.6), 97 of 115 (2.5)",
        "responses of mocks that no server gives; texts of Milvus Lite; what is refused with 3000 is left out",
    ),
    (
        "restful_client_v2/test_import_2pc_operation.py",
        "126 of 130",
        "times to live, arrays of vectors, ST_EQUALS, compaction by clustering key",
    ),
    (
        "restful_client_v2/test_jobs_operation.py",
        "60 of 72",
        "9 call an embedding service when they create a collection; 2 load 5 million rows, or 1,000 jobs, in one test; "
        "1 expects code 1100 for a user who was just created, where no version of the source gives it",
    ),
    (
        "restful_client_v2/test_collection_operations.py",
        "99 of 176",
        "48 set ttlSeconds, 28 add fields or have struct fields, 1 counts what is not flushed yet",
    ),
    (
        "restful_client_v2/test_index_operation.py",
        "32 of 41",
        "8 use jieba, which is not installed; FAISS",
    ),
    (
        "restful_client_v2/test_{database,alias,partition}_operation.py",
        "13 of 14",
        "one loads a partition alone",
    ),
]
