"""A fake Hugging Face hub on 127.0.0.1 that the real client talks to, and that can be told to misbehave.

with LoopbackHub() as hub:
    hub.add("owner/name", commit, {"model.safetensors": data})
    ... endpoint=hub.url ...  # pushes become commits in hub.files
    hub.refuse = REPOSITORY_404; hub.corrupt = 1; hub.drop = 1; hub.truncate = True; hub.token = "hf_x"
    hub.large = 1000; hub.part = 600  # files from so many bytes on go by Git LFS, in parts of so many bytes
"""

import base64
import hashlib
import json
import threading
from collections.abc import Callable
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
        self.large = 10_000_000  # bytes from which on a file is uploaded before the commit, as Git LFS does it
        self.part: int | None = None  # bytes of each request of such an upload; None: one request
        self.blobs: dict[str, bytes] = {}  # what was uploaded so, by its sha256
        self.parts: dict[str, dict[int, bytes]] = {}  # what is not whole yet
        self.full = False  # such uploads are refused
        self.before_commit: Callable[[], None] = lambda: None  # what happens between the upload and the commit
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET  # noqa: N815

            def do_POST(self) -> None:
                hub.take(self)

            def do_PUT(self) -> None:
                hub.store(self)

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

    def newest(self, repository: str) -> tuple[str, dict[str, bytes]]:
        """The last commit, and its files but those that every repository has."""
        commit, files = next(reversed(self.files[repository].items()))
        return commit, {name: body for name, body in files.items() if name != ".gitattributes"}

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        self.note(call)
        if self.refuse:
            return self.send(call, *self.refuse)
        parts = call.path.lstrip("/").split("/")
        if parts[0] == "stored":  # as from another server, which knows no token
            return self.send_file(call, parts[1], self.blobs[parts[1]])
        if not self.knows(call):
            return self.send(call, *REPOSITORY_404)
        if parts[0] == "api":
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
            return self.send_json(call, {"id": repository, "sha": commit, "siblings": siblings})
        if name not in commits[commit]:
            return self.send(call, ENTRY_404[0], ENTRY_404[1] | {"X-Repo-Commit": commit})
        body = commits[commit][name]
        sha256 = hashlib.sha256(body).hexdigest()
        if sha256 in self.blobs:
            linked = {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(body)), "X-Repo-Commit": commit}
            return self.send(call, 302, linked | {"Location": f"{self.url}/stored/{sha256}"})
        return self.send_file(call, commit, body)

    def take(self, call: BaseHTTPRequestHandler) -> None:
        """The routes of a push: a new repository, the check of its card, which files go how, large files, the commit."""
        self.note(call)
        body = call.rfile.read(int(call.headers.get("Content-Length", 0)))
        if self.refuse:
            return self.send(call, *self.refuse)
        if call.path.startswith("/stored/"):
            oid = call.path.split("/")[2]
            self.blobs[oid] = b"".join(part for _, part in sorted(self.parts.pop(oid).items()))
            return self.send_json(call, {})
        if not self.knows(call):
            return self.send(call, *UNAUTHORISED)
        asked = [json.loads(line) for line in body.splitlines()] if body else [{}]
        if call.path == "/api/repos/create":
            return self.create(call, asked[0])
        if call.path == "/api/validate-yaml":
            return self.send_json(call, {"errors": [], "warnings": []})
        if call.path == "/verify":
            right = hashlib.sha256(self.blobs.get(asked[0]["oid"], b"")).hexdigest() == asked[0]["oid"]
            return self.send(call, 200 if right else 422, {})
        if call.path.endswith(".git/info/lfs/objects/batch"):
            return self.send_json(call, {"objects": [self.uploading(x["oid"], x["size"]) for x in asked[0]["objects"]]})
        *_, owner, name, action, _ = call.path.split("/")
        if action == "preupload":
            files = [
                {
                    "path": f["path"],
                    "uploadMode": "regular" if f["size"] < self.large else "lfs",
                    "shouldIgnore": False,
                }
                for f in asked[0]["files"]
            ]
            return self.send_json(call, {"files": files})
        return self.commit(call, f"{owner}/{name}", asked, hashlib.sha1(body).hexdigest())

    def create(self, call: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        repository = f"{asked['organization']}/{asked['name']}"
        status = 409 if repository in self.files else 200
        if status == 200:
            self.add(repository, "f" * 40, {".gitattributes": b""})
            self.kinds[repository] = asked.get("type", "model")
        self.send_json(call, {"url": f"{self.url}/{repository}"}, status)

    def uploading(self, oid: str, size: int) -> dict[str, Any]:
        """Where a large file is put, unless it is there already."""
        if oid in self.blobs:
            return {"oid": oid, "size": size}
        upload: dict[str, Any] = {"href": f"{self.url}/stored/{oid}"}
        if self.part:
            count = -(-size // self.part)
            upload["header"] = {"chunk_size": str(self.part)}
            upload["header"] |= {str(number): f"{self.url}/stored/{oid}/{number}" for number in range(1, count + 1)}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": {"href": f"{self.url}/verify"}}}

    def store(self, call: BaseHTTPRequestHandler) -> None:
        """A large file, or a part of one."""
        self.note(call)
        if self.full:
            return self.send(call, 403, {})
        _, oid, *number = call.path.strip("/").split("/")
        body = call.rfile.read(int(call.headers.get("Content-Length", 0)))
        if number:
            self.parts.setdefault(oid, {})[int(number[0])] = body
        else:
            self.blobs[oid] = body
        return self.send(call, 200, {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def commit(self, call: BaseHTTPRequestHandler, repository: str, lines: list[Any], commit: str) -> None:
        self.before_commit()
        values = {kind: [x["value"] for x in lines if x["key"] == kind] for kind in ("header", "file", "lfsFile")}
        newest, before = next(reversed(self.files[repository].items()))
        if values["header"][0].get("parentCommit", newest) != newest:
            return self.send(call, 412, {})
        new = {x["path"]: base64.b64decode(x["content"]) for x in values["file"]}
        new |= {x["path"]: self.blobs[x["oid"]] for x in values["lfsFile"]}
        self.files[repository][commit] = before | new
        url = f"{self.url}/{repository}/commit/{commit}"
        return self.send_json(call, {"success": True, "commitOid": commit, "commitUrl": url})

    def note(self, call: BaseHTTPRequestHandler) -> None:
        self.requests.append((call.command, call.path, {name.lower(): value for name, value in call.headers.items()}))

    def knows(self, call: BaseHTTPRequestHandler) -> bool:
        return not self.token or call.headers.get("Authorization") == f"Bearer {self.token}"

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

    def send_json(self, call: BaseHTTPRequestHandler, answer: Any, status: int = 200) -> None:
        self.send(call, status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def send(self, call: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        call.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            call.send_header(name, value)
        call.end_headers()
        if call.command != "HEAD":
            call.wfile.write(body)
