"""Hostile images."""

import io
import os
import struct
import zlib

from PIL import Image

from tests.hostile.cases import data_case


def _png(width, height, chunks=()):
    """A PNG of so many pixels, in few bytes."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(chunks)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10**6))
        + chunk(b"IEND", b"")
    )


def images():
    def folder_of(files):
        def make(folder):
            (folder / "images").mkdir()
            for name, content in files.items():
                (folder / "images" / name).write_bytes(content)

        return make

    def image(mode, size=(8, 8), form="PNG"):
        buffer = io.BytesIO()
        Image.new(mode, size).save(buffer, form)
        return buffer.getvalue()

    cases = {
        "none": {},
        "text": {"a.png": b"hello"},
        "empty": {"a.png": b""},
        "bomb": {"a.png": _png(60_000, 60_000)},
        "large": {"a.png": _png(10_000, 10_000)},
        "zero": {"a.png": _png(0, 8)},
        "cut": {"a.png": image("L")[:45]},
        "sizes": {"a.png": image("L"), "b.png": image("L", (9, 9))},
        "modes": {"a.png": image("L"), "b.png": image("RGB")},
        "sixteen": {"a.png": image("I;16")},
        "postscript": {"a.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(canary) (w) file\n"},
        "gif": {"a.png": image("L", form="GIF")},
        "escape": {"\x1b[2J.png": b"hello"},
    }
    for label, files in cases.items():
        yield data_case(f"images-{label}", folder_of(files), "images")

    def pipes(folder):
        (folder / "images").mkdir()
        os.mkfifo(folder / "images" / "a.png")
        (folder / "images" / "b.png").symlink_to("b.png")
        (folder / "images" / "c.png").mkdir()

    yield data_case("images-pipes", pipes, "images")
