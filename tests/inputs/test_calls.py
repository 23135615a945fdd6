"""A small file never makes something large: what would is refused before it is loaded."""

import io
import resource
import struct

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.inputs.calls import refuse_swelling
from gapkit.inputs.read import read
from tests.inputs.calling import written
from tests.inputs.swelling import BOMBS
from tests.processes import python


def bomb(path, name, legacy):
    body = b"\x80\x02" + BOMBS[name] + b"."
    if not legacy:
        written(path, body)
        return
    buffer = io.BytesIO()
    torch.save({"a": 1}, buffer, _use_new_zipfile_serialization=False)
    whole = buffer.getvalue()
    start = whole.index(b"\x80\x02}q\x00X\x01\x00\x00\x00a")
    path.write_bytes(whole[:start] + body + whole[whole.index(b".", start) + 1 :])


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", BOMBS)
def test_calls_that_swell_are_refused(tmp_path, name, legacy):
    bomb(tmp_path / "a.pt", name, legacy)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="takes memory which the file does not hold"):
        read(tmp_path / "a.pt")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_a_pickle_in_the_header_of_an_old_file_is_looked_at_too(tmp_path):
    torch.save({"a": 1}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    whole = (tmp_path / "a.pt").read_bytes()
    start = whole.index(b"\x80\x02}q\x00(X\x10\x00\x00\x00protocol_version")
    end = whole.index(b"\x80\x02}q\x00X\x01\x00\x00\x00a")
    (tmp_path / "a.pt").write_bytes(whole[:start] + b"\x80\x02" + BOMBS["bytearray"] + b"." + whole[end:])
    with pytest.raises(InputError, match="takes memory"):
        read(tmp_path / "a.pt")


def test_the_name_of_the_record_hides_nothing(tmp_path):
    """Readers of archives differ in which of several records they take, and in whether case counts."""
    import zipfile

    for name in ("archive/DATA.PKL", "archive/sub/data.pkl", "data.pkl"):
        torch.save({"a": 1}, tmp_path / "a.pt")
        with zipfile.ZipFile(tmp_path / "a.pt", "a") as archive:
            archive.writestr(name, b"\x80\x02" + BOMBS["bytearray"] + b".")
        with pytest.raises(InputError, match="takes memory"):
            read(tmp_path / "a.pt")


class Sub(torch.Tensor):
    pass


@pytest.mark.parametrize("legacy", [False, True])
def test_what_torch_save_writes_is_let_through(tmp_path, legacy):
    marked = torch.nn.Parameter(torch.ones(2))
    marked.note = {"a": 1}
    payload = {
        "bytes": b"abc\xff",
        "array": bytearray(b"abc"),
        "size": torch.Size([2, 3]),
        "half": torch.ones(2, dtype=torch.float16),
        "marked": marked,
        "sparse": torch.eye(3).to_sparse(),
        "state": torch.optim.Adam([torch.nn.Parameter(torch.ones(2))]).state_dict(),
        "set": {1, 2},
        "complex": 1j,
    }
    torch.save(payload, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    found = read(tmp_path / "a.pt")
    assert found["bytes"] == b"abc\xff"
    assert found["array"] == bytearray(b"abc")
    assert found["marked"].note == {"a": 1}
    assert found["size"] == (2, 3)


@pytest.mark.parametrize("body", [b"", b".", b"\x80\x02", b"\x80\x02R.", b"\x80\x02bytearray\n(((t", b"\xff" * 50])
def test_a_damaged_pickle_is_left_to_the_loader(tmp_path, body):
    written(tmp_path / "a.pt", body + b"bytearray\n")
    refuse_swelling(tmp_path / "a.pt", "zip")
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "a.pt")


MEASURED = """
import resource, sys
from gapkit.core.errors import InputError
from gapkit.inputs.read import read
limit = 4 * 10**9
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read(path)
    except InputError as error:
        print(error.found[:60])
    else:
        raise SystemExit("was read")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000)
"""


def test_files_that_declare_much_take_little(tmp_path):
    """All of these under a limit on addresses, and their peak is measured: none takes what it declares."""
    huge = 10**10
    header = f'{{"a":{{"dtype":"F32","shape":[{huge}],"data_offsets":[0,{4 * huge}]}}}}'.encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 64)
    (tmp_path / "b.safetensors").write_bytes(struct.pack("<Q", 90 * 10**6) + b"{")
    torch.save({"a": torch.zeros(1).expand(10**5, 10**5)}, tmp_path / "c.pt")
    torch.save(
        {
            "a": torch.sparse_coo_tensor(
                torch.zeros(2, 1, dtype=torch.long), [1.0], (10**6, 10**6), check_invariants=True
            )
        },
        tmp_path / "d.pt",
    )
    bomb(tmp_path / "e.pt", "bytearray", legacy=False)
    torch.save({"a": torch.zeros(7)}, tmp_path / "f.pt", _use_new_zipfile_serialization=False)
    content = (tmp_path / "f.pt").read_bytes()
    (tmp_path / "f.pt").write_bytes(content.replace(b"K\x07N", b"\x8a\x05\x00\x00\x00\x00\x02N"))  # 2**33 numbers
    names = sorted(str(path) for path in tmp_path.iterdir())
    done = python(MEASURED, *names)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 300, done.stdout  # megabytes
