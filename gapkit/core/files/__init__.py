"""Files: those from outside are read without trust, our own are written wholly or not at all.

Whatever a file declares is compared with a bound before memory is taken for it. Nothing here needs torch.
"""

from gapkit.core.files.arrays import Arrays, map_npy, read_npy
from gapkit.core.files.documents import read_json
from gapkit.core.files.place import kind_of, neighbours, require_file
from gapkit.core.files.room import ROOM, check_room, in_words, on_disk
from gapkit.core.files.tables import read_csv, read_note, read_parquet
from gapkit.core.files.writing import as_json, write_arrays, write_atomically, write_json, write_table, write_text

__all__ = [
    "ROOM",
    "Arrays",
    "as_json",
    "check_room",
    "in_words",
    "kind_of",
    "map_npy",
    "neighbours",
    "on_disk",
    "read_csv",
    "read_json",
    "read_note",
    "read_npy",
    "read_parquet",
    "require_file",
    "write_arrays",
    "write_atomically",
    "write_json",
    "write_table",
    "write_text",
]
