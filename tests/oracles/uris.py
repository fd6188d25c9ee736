"""The forms in which a server that reads a URI by `urllib` may use it: a line of JSON for each."""
import base64
import json
import posixpath
import sys
from urllib.parse import unquote, urldefrag, urlparse, urlsplit, urlunsplit


def merged(uri):
    parts = urlsplit(uri)
    path = posixpath.normpath(parts.path) if parts.path else "/"
    return parts._replace(netloc=parts.netloc.lower(), path=path).geturl()


def of_path(uri):
    """What is served where only the path counts, as that of a file does."""
    parts = urlparse(uri)
    return parts._replace(netloc="" if parts.scheme == "file" else parts.netloc, params="", query="", fragment="").geturl()


def of_host(uri):
    parts = urlsplit(uri)
    return parts._replace(netloc=(parts.hostname or "").strip().rstrip(".")).geturl()


def once(uri):
    for form in (lambda: urlsplit(uri).geturl(), lambda: urlparse(uri).geturl(), lambda: urldefrag(uri).url,
                 lambda: urlunsplit(urlsplit(uri)), lambda: unquote(uri), lambda: merged(uri), lambda: of_path(uri),
                 lambda: of_host(uri) if urlsplit(uri).scheme == "docs" else uri):
        try:
            yield form()
        except ValueError:
            pass


for line in sys.stdin:
    found = set(once(base64.b64decode(line).decode()))
    for form in list(found):
        found.update(once(form))
    print(json.dumps(sorted(form.encode("utf-8", "replace").decode() for form in found)))
