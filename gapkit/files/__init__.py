"""Files from outside, read without trust: what they are, how much they declare, and no more of them than is needed.

Whatever a file declares is compared with a bound before memory is taken for it. Nothing here needs torch.
"""

from gapkit.files.arrays import Arrays, read_npy
from gapkit.files.documents import read_json
from gapkit.files.place import kind_of, neighbours, require_file
from gapkit.files.room import ROOM, check_room, in_words, on_disk
from gapkit.files.tables import read_csv, read_parquet

__all__ = [
    "ROOM",
    "Arrays",
    "check_room",
    "in_words",
    "kind_of",
    "neighbours",
    "on_disk",
    "read_csv",
    "read_json",
    "read_npy",
    "read_parquet",
    "require_file",
]
