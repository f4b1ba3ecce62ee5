"""Downloads that are right or not there: several mirrors, no hanging, no half-written file."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tinygraph import files
from tinygraph.errors import TinygraphError, about_file

__all__ = ["DownloadError", "fetch", "get", "load_pooch", "write_whole"]

PATIENCE = 5.0  # seconds without a byte after which a mirror counts as dead
LEAST = 64 << 10  # bytes in so many seconds, once it has begun to send; a slower one is given up
MAX_SIZE = 16 << 20  # bytes; no file that is fetched here is larger


class DownloadError(TinygraphError, OSError):
    """No mirror gave a file with the right contents."""


def load_pooch() -> Any:
    """Import pooch, which only downloads need, or say how to install it.

    Examples
    --------
    >>> tg.datasets.fetch.load_pooch().__name__
    'pooch'
    """
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "downloads need pooch: pip install tinygraph-autodiff[examples]"
        ) from error
    return pooch


def fetch(name: str, mirrors: list[str], is_good: Callable[[bytes], bool]) -> bytes:
    """Return the file `name` of the first mirror that sends a good copy.

    A mirror that fails moves to the end of the list `mirrors`, so that the files fetched after this
    one do not wait for it again.

    Examples
    --------
    >>> tg.datasets.fetch.fetch("a.gz", mirrors=[], is_good=bool)
    Traceback (most recent call last):
    tinygraph.datasets.fetch.DownloadError: a.gz: no mirror sent a good copy ()
    """
    failures, cause = [], None
    for mirror in list(mirrors):
        host = urlsplit(mirror).netloc
        try:
            data = get(mirror + name)
            if is_good(data):
                return data
            failures.append(f"{host}: wrong SHA-256")
        except (OSError, ValueError) as error:
            failures.append(f"{host}: {type(error).__name__}")
            cause = error
        mirrors.append(mirrors.pop(mirrors.index(mirror)))
    raise DownloadError(f"{name}: no mirror sent a good copy ({'; '.join(failures)})") from cause


def get(url: str) -> bytes:
    """Return what `url` sends; TimeoutError when for `PATIENCE` seconds it sends next to nothing.

    A timeout of the socket alone would not do: looking up a name has none, and connecting tries
    every address of a host in turn. So the download runs in a thread and this one looks on.

    Examples
    --------
    >>> page = tg.datasets.fetch.get("https://example.org/")  # doctest: +SKIP
    """
    pooch = load_pooch()
    body = _Body()
    errors: list[Exception] = []
    responses: list[Any] = []

    def keep(response: Any, **_: Any) -> None:
        responses.append(response)

    def work() -> None:
        try:
            pooch.HTTPDownloader(timeout=PATIENCE, hooks={"response": keep})(url, body, None)
        except (OSError, ValueError) as error:  # those of requests are OSErrors
            errors.append(error)
        finally:
            for response in responses:  # pooch leaves one open whose download fails
                response.close()

    pooch.get_logger().info("Downloading %s", url)
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    arrived = 0
    worker.join(PATIENCE)
    while worker.is_alive():
        new = body.tell() - arrived
        if new < (LEAST if arrived else 1):
            body.close()  # ends the thread when it next wakes up
            raise TimeoutError(f"{url}: only {new} bytes arrived in {PATIENCE} s")
        arrived += new
        worker.join(PATIENCE)
    if errors:
        raise errors[0]
    return body.getvalue()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all, its directories too.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "new", "file")
    >>> tg.datasets.fetch.write_whole(path, b"whole")
    >>> path.read_bytes()
    b'whole'
    """
    with about_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write_whole(path, data)


class _Body(io.BytesIO):
    """The bytes that have arrived so far; it refuses to grow without end."""

    def write(self, chunk: Any) -> int:
        if self.tell() + len(chunk) > MAX_SIZE:
            raise OSError(f"more than {MAX_SIZE} bytes")
        return super().write(chunk)
