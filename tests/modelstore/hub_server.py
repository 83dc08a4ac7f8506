"""A server that speaks the part of the Hub's API that its client uses for models."""

import hashlib
import http.server
import json
import threading
from base64 import b64decode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

LARGE = (".tflite", ".keras", ".onnx", ".onnx_data", ".h5", ".pb", ".bin", ".safetensors")
TOKEN = "hf_goodtoken"


@dataclass
class Repo:
    """A repository: its commits by their hash, and what its branches stand for."""

    commits: dict = field(default_factory=dict)
    refs: dict = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    licence: str = ""
    wrong: set = field(default_factory=set)  # files whose content is not the listed one
    cut: set = field(default_factory=set)  # files whose first download ends half-way
    listed_sizes: dict = field(default_factory=dict)  # sizes to list instead of the true ones

    def commit(self, files, branch="main"):
        content = {name: bytes(data) for name, data in files.items()}
        name = hashlib.sha1(repr(sorted(content.items())).encode()).hexdigest()
        self.commits[name] = content
        self.refs[branch] = name
        return name


class HubServer:
    """Start it with `with HubServer() as hub`; `hub.log` holds (method, path, headers, status)."""

    def __init__(self):
        self.repos = {}
        self.moved = {}
        self.log = []
        self.uploads = {}
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def add(self, name, files, **facts):
        repo = self.repos[name] = Repo(**facts)
        repo.commit(files)
        return repo

    def downloads(self, repository=""):
        """Paths of the bodies that were sent."""
        return [
            path
            for method, path, _, status in self.log
            if method == "GET" and status in (200, 206) and "/resolve/" in path
            and repository in path
        ] + [path for method, path, _, _ in self.log if method == "GET" and "/cdn/" in path
             and repository in path]  # fmt: skip


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path).strip("/")
        parts = path.split("/")
        if parts[0] == "cdn":
            return self.cdn(parts)
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if name in self.hub.moved:
            place = urlsplit(self.path).path.replace(name, self.hub.moved[name])
            query = urlsplit(self.path).query
            return self.answer(307, b"", {"Location": place + (f"?{query}" if query else "")})
        repo = self.repo(name, reads_files=parts[0] != "api")
        if repo is None:
            return None
        revision = "/".join(parts[5:]) or "main" if parts[0] == "api" else parts[3]
        commit = repo.refs.get(revision, revision)
        if commit not in repo.commits:
            return self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        files = repo.commits[commit]
        if parts[0] == "api":
            return self.send({
                "id": name, "sha": commit, "private": repo.private, "gated": repo.gated,
                "cardData": {"license": repo.licence} if repo.licence else None,
                "siblings": [listed(path, data, repo) for path, data in files.items()],
            })  # fmt: skip
        return self.resolve(name, repo, commit, "/".join(parts[4:]))

    def resolve(self, name, repo, commit, path):
        data = repo.commits[commit].get(path)
        if data is None:
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        headers = {"X-Repo-Commit": commit, "ETag": f'"{blob(data)}"'}
        if not path.endswith(LARGE):
            sent = data[::-1] if path in repo.wrong else data
            return self.answer(200, sent, headers)
        headers |= {
            "X-Linked-Etag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data)),
            # Another host: the client must not send it the token.
            "Location": f"http://localhost:{self.hub.port}/cdn/{name}/{commit}/{path}",
        }  # fmt: skip
        return self.answer(302, b"", headers)

    def cdn(self, parts):
        name, commit, path = "/".join(parts[1:3]), parts[3], "/".join(parts[4:])
        repo = self.hub.repos[name]
        data = repo.commits[commit][path]
        if path in repo.wrong:
            data = data[::-1]
        headers = {"ETag": f'"{sha256(data)}"', "Accept-Ranges": "bytes"}
        if path in repo.cut and self.command == "GET":
            repo.cut.discard(path)
            self.close_connection = True
            return self.answer(200, data[: len(data) // 2], headers, len(data) - len(data) // 2)
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self.answer(206, data[start:], headers)
        return self.answer(200, data, headers)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = unquote(urlsplit(self.path).path).strip("/")
        parts = path.split("/")
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(403, b"", {"X-Error-Message": "You may not write here"})
        if path == "api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            if name in self.hub.repos:
                return self.send({"url": f"{self.hub.endpoint}/{name}"}, 409)
            repo = self.hub.repos[name] = Repo(private=asked.get("visibility") == "private")
            repo.commit({})
            return self.send({"url": f"{self.hub.endpoint}/{name}"})
        if path == "api/validate-yaml":  # the header of the card
            return self.send({"errors": [], "warnings": []})
        if path.endswith(".git/info/lfs/objects/batch"):
            return self.send({"transfer": "basic", "objects": [
                {**item, "actions": {"upload": {"href": f"{self.hub.endpoint}/put/{item['oid']}"}}}
                for item in json.loads(body)["objects"]
            ]})  # fmt: skip
        repo = self.hub.repos["/".join(parts[2:4])]
        if parts[4] == "branch":
            repo.refs[parts[5]] = repo.refs["main"]
            return self.send({})
        if parts[4] == "preupload":
            return self.send({"files": [
                {"path": file["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular"}
                for file in json.loads(body)["files"]
            ]})  # fmt: skip
        return self.commit(repo, parts, body)

    def commit(self, repo, parts, body):
        files = dict(repo.commits[repo.refs[parts[5]]])
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
        oid = repo.commit(files, parts[5])
        name = "/".join(parts[2:4])
        self.send({"commitOid": oid, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{oid}"})

    def do_PUT(self):
        if self.headers["Transfer-Encoding"] == "chunked":
            data = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.hub.uploads[self.path.rpartition("/")[2]] = data
        self.answer(200, b"", {})

    def repo(self, name, reads_files):
        """The repository, if whoever asks may see it; otherwise the answer has been given."""
        token = self.headers["Authorization"]
        if token not in (None, f"Bearer {TOKEN}"):
            wrong = {"X-Error-Message": "Invalid credentials in Authorization header"}
            return self.answer(401, b"", wrong)
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and token is None):
            return self.answer(401, b"", {"X-Error-Code": "RepoNotFound"})
        if repo.gated and token is None and reads_files:
            return self.answer(403, b"", {"X-Error-Code": "GatedRepo"})
        return repo

    def send(self, value, status=200):
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def answer(self, status, data, headers, missing=0):
        self.hub.log.append((self.command, self.path, dict(self.headers), status))
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data) + missing)}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


def listed(path, data, repo):
    size = repo.listed_sizes.get(path, len(data))
    entry = {"rfilename": path, "size": size, "blobId": blob(data)}
    if path.endswith(LARGE):
        entry["lfs"] = {"size": size, "sha256": sha256(data), "pointerSize": 130}
    return entry


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
