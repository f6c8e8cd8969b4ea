"""Downloads: repeated after a pause, and never used if they are incomplete."""

import hashlib
import http.server
import threading

import pytest

from nasturtium.data.sources import SourceFile, fetch, waits_s
from nasturtium.errors import DataError

CONTENT = b"content" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on this machine that answers by ``server.answers`` in turn, the last for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.server.asked += 1
            if answer == "cut":
                self.send_response(200)
                self.send_header("Content-Length", str(len(CONTENT)))
                self.end_headers()
                self.wfile.write(CONTENT[:100])
                self.close_connection = True
            elif isinstance(answer, int):
                self.send_error(answer)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NASTURTIUM_DATA", str(tmp_path))
    monkeypatch.setenv("NASTURTIUM_RETRY_S", "0.01,0.02")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server.source = SourceFile("a.gz", SHA256, (f"http://127.0.0.1:{server.server_port}/a.gz",))
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("first", ["cut", 403, 503, b"<html>log in</html>", b""])
def test_a_failed_attempt_is_repeated_until_the_file_comes(server, tmp_path, first):
    server.answers = [first, first, CONTENT]
    path = fetch("mnist", server.source)
    assert path.read_bytes() == CONTENT
    assert server.asked == 3
    assert list((tmp_path / "mnist").iterdir()) == [path]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("cut", "ChunkedEncodingError|ConnectionError"),
        (403, "answered 403 Forbidden"),
        (404, "answered 404"),
        (b"<html>log in</html>", "sent a file that is not the published one"),
        (CONTENT[:-1], "sent a file that is not the published one, or is not complete"),
    ],
)
def test_what_fails_for_good_is_one_sentence_and_leaves_no_file(server, tmp_path, answer, said):
    server.answers = [answer]
    with pytest.raises(DataError, match=said) as caught:
        fetch("mnist", server.source)
    assert "put the file there by hand" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert server.asked == 3
    assert list((tmp_path / "mnist").iterdir()) == []


def test_the_pauses_grow_and_can_be_set(monkeypatch):
    monkeypatch.delenv("NASTURTIUM_RETRY_S", raising=False)
    assert waits_s() == sorted(waits_s())
    assert len(waits_s()) >= 2
    monkeypatch.setenv("NASTURTIUM_RETRY_S", "")
    assert waits_s() == []
    for text in ("soon", "-1", "nan", "1;2"):
        monkeypatch.setenv("NASTURTIUM_RETRY_S", text)
        with pytest.raises(DataError, match="NASTURTIUM_RETRY_S"):
            waits_s()
