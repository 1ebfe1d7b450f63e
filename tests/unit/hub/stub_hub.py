"""A Hugging Face hub on the loopback, small enough to read: listings, files with ETags, and the hub's refusals."""

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class StubHub:
    """Serves repositories given as {"owner/name": {"path/in/repo": content}}; use as a context manager.

    Args:
        repositories: What exists.
        gated: Repositories whose conditions nobody has accepted.
        unavailable: Repositories for which the hub itself is broken.
    """

    def __init__(
        self,
        repositories: Mapping[str, Mapping[str, bytes]],
        gated: tuple[str, ...] = (),
        unavailable: tuple[str, ...] = (),
    ) -> None:
        self.repositories = repositories
        self.gated = gated
        self.unavailable = unavailable
        self.requests: list[str] = []
        self.authorizations: list[str] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stub.requests.append(f"{self.command} {self.path}")
                stub.authorizations.append(self.headers.get("Authorization", ""))
                status, headers, body = stub.answer(unquote(urlsplit(self.path).path))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "StubHub":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a path."""
        is_api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models").strip("/").split("/")
        repo_id, rest = "/".join(parts[:2]), parts[2:]
        if repo_id in self.unavailable:
            return 500, {}, b"{}"
        if repo_id in self.gated and not is_api:
            message = f"Access to model {repo_id} is restricted"
            return 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": message}, b"{}"
        if repo_id not in self.repositories:
            # The hub does not tell a missing repository from a private one to somebody it does not know.
            return 401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, b"{}"
        if len(rest) > 1 and rest[1] not in ("main", COMMIT):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        files = self.repositories[repo_id]
        if is_api:
            return 200, {"Content-Type": "application/json"}, json.dumps(self._api(repo_id, rest, files)).encode()
        return self._file("/".join(rest[2:]), files)

    def _api(self, repo_id: str, rest: list[str], files: Mapping[str, bytes]) -> object:
        if rest[:1] == ["tree"]:
            folders = sorted({name.rpartition("/")[0] for name in files if "/" in name})
            return [{"type": "directory", "path": folder, "oid": "0" * 40} for folder in folders] + [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
        return {
            "id": repo_id,
            "sha": COMMIT,
            "siblings": [{"rfilename": name, "size": len(content)} for name, content in files.items()],
        }

    def _file(self, name: str, files: Mapping[str, bytes]) -> tuple[int, dict[str, str], bytes]:
        if name not in files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
        content = files[name]
        return 200, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}, content
