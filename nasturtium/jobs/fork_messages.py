"""Messages between a script and the fork server: JSON over a local socket, with open files."""

import json
import os
import socket
import struct
from collections.abc import Mapping

_USER = struct.Struct("3i")
_LENGTH = struct.Struct("!Q")


class OtherUser(Exception):
    """Another user has the other end of a connection."""


def connect(name: str, limit_s: float) -> socket.socket:
    """A connection to the abstract socket ``name``; answers may take ``limit_s`` seconds.

    Raises
    ------
    OtherUser
        The socket is another user's.
    OSError
        Nobody listens there.
    """
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(limit_s)
    try:
        connection.connect(f"\0{name}")
        if not is_ours(connection):
            raise OtherUser("the fork server is another user's")
    except BaseException:
        connection.close()
        raise
    return connection


def send(connection: socket.socket, message: Mapping, descriptors: tuple[int, ...] = ()) -> None:
    """Send a message, and open files with it."""
    content = json.dumps(message).encode(errors="surrogateescape")
    socket.send_fds(connection, [_LENGTH.pack(len(content))], descriptors)
    connection.sendall(content)


def receive(connection: socket.socket, descriptors: int = 0) -> tuple[dict, list[int]]:
    """Receive a message, and this number of open files.

    Raises
    ------
    EOFError
        The other end is gone.
    """
    head, found, _, _ = socket.recv_fds(connection, _LENGTH.size, descriptors)
    head += _exactly(connection, _LENGTH.size - len(head))
    content = _exactly(connection, _LENGTH.unpack(head)[0])
    return json.loads(content.decode(errors="surrogateescape")), found


def is_ours(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to this user."""
    user = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _USER.size)
    return _USER.unpack(user)[1] == os.getuid()


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
