"""Makes of a run directory what an earlier version left: with a file of rows for each batch."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from robustq.results.batch_rows import BATCHES


def with_rows_folder(directory: Path) -> Path:
    """Write `rows/` again, with `results.parquet` as an earlier version wrote it; returns the folder."""
    results, folder = directory / "results.parquet", directory / "rows"
    table = pq.read_table(results)
    folder.mkdir()
    begin = 0
    for name, count in json.loads(table.schema.metadata[BATCHES]).items():
        pq.write_table(table.slice(begin, count).replace_schema_metadata(None), folder / f"{name}.parquet")
        begin += count
    assert begin == len(table)
    pq.write_table(table.replace_schema_metadata(None), results)
    return folder
