"""Pickles that make something large of a small file, by calls that reading weights only allows."""

import struct

__all__ = ["BOMBS"]


def number(value):
    return b"\x8a\x08" + value.to_bytes(8, "little")


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


ENCODE = b"c_codecs\nencode\n"
BOMBS = {
    "bytearray": b"cbuiltins\nbytearray\n" + number(3 * 10**9) + b"\x85R",
    "bytearray of Python 2": b"c__builtin__\nbytearray\n" + number(3 * 10**9) + b"\x85R",
    "by the memo": b"cbuiltins\nbytearray\nq\x00h\x00" + number(3 * 10**9) + b"\x85R",
    "in a tuple of a mark": b"cbuiltins\nbytearray\n(" + number(3 * 10**9) + b"tR",
    "size": b"ctorch\nSize\ncbuiltins\nbytearray\n" + text("x" * 9) + text("latin1") + b"\x86R\x85R",
    "digits twice": ENCODE + b"q\x00h\x00" + text("x" * 9) + text("latin1") + b"\x86R" + text("hex") + b"\x86R",
    "digits": ENCODE + text("x" * 9) + text("hex_codec") + b"\x86R",
    "without a code": ENCODE + text("x" * 9) + b"\x85R",
    "by another call": b"ctorch._tensor\n_rebuild_from_type_v2\n(cbuiltins\nbytearray\ncbuiltins\nbytearray\n"
    + number(3 * 10**9)
    + b"\x85}tR",
    "tensor": b"ctorch\nFloatTensor\n" + number(10**9) + b"\x85R",
    "tensor with sizes": b"ctorch\nTensor\n" + number(10**5) + number(10**5) + b"\x86R",
    "new tensor": b"ctorch\nTensor\n" + number(10**9) + b"\x85\x81",
}
