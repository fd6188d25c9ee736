"""What a server would call whose messages come from `json.loads`."""
import base64
import json
import sys


def text(value):
    # A lone surrogate has no place in what is printed.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def target(message):
    params = message.get("params")
    if not isinstance(params, dict):
        return None
    of = params.get("ref", params)
    if not isinstance(of, dict):
        return None
    value = of.get("uri") if message["method"].startswith("resources/") else of.get("name", of.get("uri"))
    return text(value)


for line in sys.stdin:
    uses = []
    try:
        message = json.loads(base64.b64decode(line))
        for one in message if isinstance(message, list) else [message]:
            if isinstance(one, dict) and isinstance(one.get("method"), str):
                uses.append([text(one["method"]), target(one)])
    except (ValueError, RecursionError):
        pass
    print(json.dumps(uses))
