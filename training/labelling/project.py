"""Step `project`: the taxonomy → Label Studio's labelling config; with `--url`, a project with it and with its tasks.

Talks to a Label Studio of yours, at the address you give, through the two calls of its API that this takes.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from model.taxonomy import Taxonomy
from training.files import write_atomically
from training.labelling.label_studio import config

AT_ONCE = 500
HINTS = {400: "a title has 3 to 50 characters", 401: "is the token right, and is its kind allowed in your organization?"}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label project", description="Labelling config or project for Label Studio.")
    parser.add_argument("-o", "--output", type=Path, help="write the config (.xml), to paste under Settings → Labeling Interface")
    parser.add_argument("--url", help="address of your Label Studio: makes the project there")
    parser.add_argument("--token-file", type=Path, help="file with your access token, personal or legacy")
    parser.add_argument("--title", default="Snaar")
    parser.add_argument("--tasks", type=Path, help="tasks of `label tasks` to import into the project")
    options = parser.parse_args(arguments)
    if not options.output and not options.url:
        parser.error("give -o, --url or both")
    if options.url and not options.token_file:
        parser.error("--url needs --token-file (Account & Settings → Access Token)")
    made = config(Taxonomy.load())
    if options.output:
        with write_atomically(options.output) as temporary:
            temporary.write_text(made, encoding="utf-8")
        print(f"{options.output}: labelling config")
    if options.url:
        token = options.token_file.read_text(encoding="utf-8").strip()
        tasks = json.loads(options.tasks.read_text(encoding="utf-8")) if options.tasks else []
        number = create(options.url, token, options.title, made, tasks)
        print(f"{options.url}/projects/{number}: {len(tasks)} tasks")


def create(url: str, token: str, title: str, labelling_config: str, tasks: list[dict[str, Any]]) -> int:
    """Make a project and import tasks; its number. Exits with what to do where Label Studio refuses."""
    allowed = _allowed(url, token)
    number = int(_post(f"{url}/api/projects/", allowed, {"title": title, "label_config": labelling_config})["id"])
    for first in range(0, len(tasks), AT_ONCE):
        _post(f"{url}/api/projects/{number}/import", allowed, tasks[first : first + AT_ONCE])
    return number


def _allowed(url: str, token: str) -> str:
    """What to say to be let in: a personal token (a JWT) buys one for some minutes, a legacy token is enough."""
    if token.count(".") == 2:
        return f"Bearer {_post(f'{url}/api/token/refresh', '', {'refresh': token})['access']}"
    return f"Token {token}"


def _post(address: str, allowed: str, body: object) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **({"Authorization": allowed} if allowed else {})}
    try:
        with urlopen(Request(address, json.dumps(body).encode(), headers), timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        sys.exit(f"{address}: Label Studio answers {error.code} ({HINTS.get(error.code, error.reason)})")
    except URLError as error:
        sys.exit(f"{address}: no answer: {error.reason}; does Label Studio run there?")
