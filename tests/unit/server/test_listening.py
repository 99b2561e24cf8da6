import socket

import pytest

from crosslate.errors import InputError
from crosslate.server.run import _listen


def test_small_answers_are_sent_at_once():
    """asyncio switches the delay off only where the socket says that it is TCP."""
    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken():
    with _listen("127.0.0.1", 0) as listener, pytest.raises(InputError, match="give another port or host"):
        _listen("127.0.0.1", listener.getsockname()[1])
