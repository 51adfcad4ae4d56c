"""A fake Hugging Face hub on 127.0.0.1 that the real client talks to, and that can be told to misbehave.

with LoopbackHub() as hub:
    hub.add("owner/name", commit, {"model.safetensors": data})
    ... endpoint=hub.url ...  # pushes become commits in hub.files
    hub.refuse = REPOSITORY_404; hub.corrupt = 1; hub.drop = 1; hub.truncate = True; hub.token = "hf_x"
"""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

UNAUTHORISED = (401, {})
BAD_TOKEN = (401, {"X-Error-Message": "Invalid credentials in Authorization header"})
GATED = (403, {"X-Error-Code": "GatedRepo"})
REPOSITORY_404 = (404, {"X-Error-Code": "RepoNotFound"})
REVISION_404 = (404, {"X-Error-Code": "RevisionNotFound"})
ENTRY_404 = (404, {"X-Error-Code": "EntryNotFound"})
BROKEN = (500, {})


class LoopbackHub:
    def __init__(self) -> None:
        self.files: dict[str, dict[str, dict[str, bytes]]] = {}  # repository -> commit -> file name -> content
        self.requests: list[tuple[str, str, dict[str, str]]] = []  # method, path, headers in lower case
        self.kinds: dict[str, str] = {}  # repository -> model or space
        self.refuse: tuple[int, dict[str, str]] | None = None
        self.token: str | None = None
        self.corrupt = 0  # so many GETs answer with as many other bytes
        self.drop = 0  # so many GETs end in the middle
        self.truncate = False  # GETs announce and send half of what HEAD announced
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET  # noqa: N815

            def do_POST(self) -> None:
                hub.take(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def add(self, repository: str, commit: str, files: dict[str, bytes]) -> None:
        self.files.setdefault(repository, {}).setdefault(commit, {}).update(files)

    def count(self, method: str | None = None) -> int:
        return sum(method in (None, made) for made, _, _ in self.requests)

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        self.requests.append((call.command, call.path, {name.lower(): value for name, value in call.headers.items()}))
        if self.refuse:
            return self.send(call, *self.refuse)
        if self.token and call.headers.get("Authorization") != f"Bearer {self.token}":
            return self.send(call, *REPOSITORY_404)
        parts = call.path.lstrip("/").split("/")
        if parts[:2] == ["api", "models"]:
            repository, revision, name = "/".join(parts[2:4]), (parts[5:] or ["main"])[0], None
        else:
            repository, revision, name = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        commits = self.files.get(repository)
        if commits is None:
            return self.send(call, *REPOSITORY_404)
        commit = next(reversed(commits)) if revision == "main" else revision
        if commit not in commits:
            return self.send(call, *REVISION_404)
        if name is None:
            siblings = [{"rfilename": name} for name in commits[commit]]
            return self.send(
                call, 200, {}, json.dumps({"id": repository, "sha": commit, "siblings": siblings}).encode()
            )
        if name not in commits[commit]:
            return self.send(call, ENTRY_404[0], ENTRY_404[1] | {"X-Repo-Commit": commit})
        return self.send_file(call, commit, commits[commit][name])

    def take(self, call: BaseHTTPRequestHandler) -> None:
        """The routes of a push: a new repository, the check of its card, which files go how, the commit."""
        self.requests.append((call.command, call.path, {name.lower(): value for name, value in call.headers.items()}))
        body = call.rfile.read(int(call.headers.get("Content-Length", 0)))
        if self.refuse:
            return self.send(call, *self.refuse)
        if self.token and call.headers.get("Authorization") != f"Bearer {self.token}":
            return self.send(call, *UNAUTHORISED)
        if call.path == "/api/repos/create":
            asked = json.loads(body)
            repository = f"{asked['organization']}/{asked['name']}"
            if repository in self.files:
                return self.send(call, 409, {}, json.dumps({"url": f"{self.url}/{repository}"}).encode())
            self.files[repository] = {}
            self.kinds[repository] = asked.get("type", "model")
            return self.send(call, 200, {}, json.dumps({"url": f"{self.url}/{repository}"}).encode())
        if call.path == "/api/validate-yaml":
            return self.send(call, 200, {}, json.dumps({"errors": [], "warnings": []}).encode())
        *_, owner, name, action, _ = call.path.split("/")
        repository = f"{owner}/{name}"
        if action == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            return self.send(call, 200, {}, json.dumps({"files": files}).encode())
        lines = [json.loads(line) for line in body.splitlines()]
        new = {x["value"]["path"]: base64.b64decode(x["value"]["content"]) for x in lines if x["key"] == "file"}
        before = next(reversed(self.files[repository].values()), {})
        commit = hashlib.sha1(body).hexdigest()
        self.files[repository][commit] = before | new
        done = {"success": True, "commitOid": commit, "commitUrl": f"{self.url}/{repository}/commit/{commit}"}
        return self.send(call, 200, {}, json.dumps(done).encode())

    def send_file(self, call: BaseHTTPRequestHandler, commit: str, body: bytes) -> None:
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        status, whole = 200, len(body)
        if call.command == "GET" and self.corrupt:
            self.corrupt -= 1
            body = body[:-1] + bytes([body[-1] ^ 1])
        if call.command == "GET" and self.truncate:
            body = body[: whole // 2]
        if wanted := call.headers.get("Range"):
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            status, body = 206, body[start:]
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        if call.command == "GET" and self.drop:
            self.drop -= 1
            return self.send(call, status, headers | {"Content-Length": str(len(body))}, body[: len(body) // 2])
        return self.send(call, status, headers, body)

    def send(self, call: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        call.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            call.send_header(name, value)
        call.end_headers()
        if call.command != "HEAD":
            call.wfile.write(body)
