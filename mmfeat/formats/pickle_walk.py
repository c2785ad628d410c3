"""A walk over the opcodes of a pickle that obeys none of them, before it is read.

A few bytes can state a length or a place in the memo of billions, and the standard library's reader then asks for as
much memory. Neither can be more than the file is long.
"""

from __future__ import annotations

import os
import pickletools
from typing import BinaryIO

OPCODES = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
STOP = b"."
LENGTHS = {  # how many bytes say how many follow
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}


def require_possible(handle: BinaryIO) -> None:
    """Walk from here to the end of the pickle.

    Parameters
    ----------
    handle : binary file
        At the beginning of the pickle; left at its end.

    Raises
    ------
    ValueError
        If the file ends before the pickle does, or a length or a place in the memo is more than the file is long.
    """
    size = os.fstat(handle.fileno()).st_size
    while (code := handle.read(1)) != STOP:
        if code not in OPCODES:
            raise ValueError(f"no opcode at byte {handle.tell()}")
        opcode = OPCODES[code]
        if opcode.arg is None:
            continue
        if opcode.arg.n in LENGTHS:
            length = int.from_bytes(handle.read(LENGTHS[opcode.arg.n]), "little")
            _require_at_most(size - handle.tell(), length, opcode.name)
            handle.seek(length, os.SEEK_CUR)
        elif opcode.arg.n == pickletools.UP_TO_NEWLINE:
            line = handle.readline()
            if opcode.name in ("GLOBAL", "INST"):  # two lines: module and name
                handle.readline()
            if opcode.name == "PUT":
                _require_at_most(size, int(line), opcode.name)
        else:
            number = int.from_bytes(handle.read(opcode.arg.n), "little")
            if opcode.name == "LONG_BINPUT":
                _require_at_most(size, number, opcode.name)


def _require_at_most(most: int, stated: int, name: str) -> None:
    if stated > most:
        raise ValueError(f"{name} of {stated} where {most} bytes are left")
