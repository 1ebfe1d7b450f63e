"""A Hugging Face hub on the loopback, small enough to read: listings, files with ETags, accounts, and its refusals."""

import hashlib
import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Files of at least this size are named by their sha256, as the hub does with what lies outside of git.
LARGE = 1_000_000
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class StubAccount:
    """Somebody known to the stub, by the token that is the key of `StubHub.accounts`; `told` is said in place of it."""

    name: str = "emi"
    token_name: str = "laptop"
    role: str = "read"
    may_open: tuple[str, ...] = ()
    fine_grained: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] | None = None


class StubHub:
    """Serves repositories given as {"owner/name": {"path/in/repo": content}}; use as a context manager.

    Args:
        repositories: What exists.
        gated: Repositories whose conditions nobody has accepted but the accounts that `may_open` them.
        unavailable: Repositories for which the hub itself is broken.

    Attributes:
        accounts: Who is known, by token.
        private: Repositories that only the accounts that `may_open` them see.
        licences: By repository.
        manual: Those of the gated ones whose owner decides.
        cut_after: Bytes of a file after which the connection is cut; 0: never.
        cuts: How often the connection is cut; then files come whole.
        slow: Bytes a second; 0: as fast as it goes.
        trouble: By method, status and headers with which the next requests for large files are met; 200 lets one pass.
        consent: What a person answers to a device code: "pending", "yes" or "no"; "late" when that came too
            late, and "ill" where the hub itself fails.
        ranges: The Range headers that were asked for.
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
        self.accounts: dict[str, StubAccount] = {}
        self.private: tuple[str, ...] = ()
        self.manual: tuple[str, ...] = ()
        self.licences: dict[str, str] = {}
        self.cut_after = 0
        self.cuts = 1_000_000
        self.slow = 0
        self.trouble: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.consent = "pending"
        self.consent_token = ""
        self.requests: list[str] = []
        self.authorizations: list[str] = []
        self.ranges: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "StubHub":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, token: str = "", form: Mapping[str, str] | None = None) -> Answer:
        """Status, headers and body for a path."""
        if path == "/api/whoami-v2":
            return self._whoami(token)
        if path.startswith("/oauth/"):
            return self._device_code(path, form or {})
        is_api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models").strip("/").split("/")
        repo_id, rest = "/".join(parts[:2]), parts[2:]
        account = self.accounts.get(token)
        is_let_in = account is not None and repo_id in account.may_open
        if repo_id in self.unavailable:
            return 500, {}, b"{}"
        if repo_id in self.gated and not is_api and not is_let_in:
            message = f"Access to model {repo_id} is restricted"
            return 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": message}, b"{}"
        if repo_id not in self.repositories or (repo_id in self.private and not is_let_in):
            # The hub does not tell a missing repository from a private one to somebody it does not know.
            return 401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, b"{}"
        if len(rest) > 1 and rest[1] not in ("main", COMMIT):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        files = self.repositories[repo_id]
        if is_api:
            return _json(self._api(repo_id, rest, files))
        return self._file("/".join(rest[2:]), files)

    def _api(self, repo_id: str, rest: list[str], files: Mapping[str, bytes]) -> object:
        if rest[:1] == ["tree"]:
            folders = sorted({name.rpartition("/")[0] for name in files if "/" in name})
            return [{"type": "directory", "path": folder, "oid": "0" * 40} for folder in folders] + [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
        gate: bool | str = False
        if repo_id in self.gated:
            gate = "manual" if repo_id in self.manual else "auto"
        return {
            "id": repo_id,
            "sha": COMMIT,
            "gated": gate,
            "private": repo_id in self.private,
            "cardData": {"license": self.licences[repo_id]} if repo_id in self.licences else {},
            "siblings": [_sibling(name, content) for name, content in files.items()],
        }

    def _file(self, name: str, files: Mapping[str, bytes]) -> Answer:
        if name not in files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
        content = files[name]
        return 200, {"ETag": f'"{etag(content)}"', "X-Repo-Commit": COMMIT}, content

    def _whoami(self, token: str) -> Answer:
        account = self.accounts.get(token)
        if account is None:
            return 401, {"X-Error-Message": "Invalid credentials in Authorization header"}, b"{}"
        if account.told is not None:
            return _json(account.told)
        access = {"displayName": account.token_name, "role": account.role, "fineGrained": account.fine_grained}
        auth = {"type": "access_token", "accessToken": access} if account.token_name else {"type": "oauth"}
        return _json({"type": "user", "name": account.name, "orgs": [], "auth": auth})

    def _device_code(self, path: str, form: Mapping[str, str]) -> Answer:
        if self.consent == "ill":
            return 503, {}, b"{}"
        if path == "/oauth/device":
            page = f"{self.endpoint}/device"
            return _json(
                {
                    "device_code": "a-secret-of-the-device",
                    "user_code": "EMI-2026",
                    "verification_uri": page,
                    "expires_in": 600,
                    "interval": 0.05,
                }
            )
        if form.get("device_code") != "a-secret-of-the-device":
            return 400, {}, b'{"error": "invalid_grant"}'
        if self.consent == "yes":
            return _json({"access_token": self.consent_token, "token_type": "bearer"})
        error = {"no": "access_denied", "late": "expired_token"}.get(self.consent, "authorization_pending")
        return 400, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode()


def etag(content: bytes) -> str:
    """What the hub calls a file's content."""
    return hashlib.sha256(content).hexdigest() if len(content) >= LARGE else hashlib.sha1(content).hexdigest()


def _sibling(name: str, content: bytes) -> dict[str, Any]:
    large = {"size": len(content), "sha256": etag(content), "pointerSize": 130}
    told: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
    return {**told, "lfs": large} if len(content) >= LARGE else told


def _json(value: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _handler(stub: StubHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        do_HEAD = do_GET

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: Mapping[str, str]) -> None:
            stub.requests.append(f"{self.command} {self.path}")
            stub.authorizations.append(self.headers.get("Authorization", ""))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, headers, body = stub.answer(unquote(urlsplit(self.path).path), token, form)
            if status == 200 and len(body) >= LARGE and stub.trouble.get(self.command):
                met, more = stub.trouble[self.command].pop(0)
                status, headers, body = (status, headers, body) if met == 200 else (met, more, b"{}")
            wanted = self.headers.get("Range", "")
            if wanted and status == 200:
                stub.ranges.append(wanted)
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                end = min(int(last) + 1, len(body)) if last else len(body)
                headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(body)}"
                status, body = 206, body[int(first) : end]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                with suppress(ConnectionError):  # the client went away
                    self._send(body)

        def _send(self, body: bytes) -> None:
            is_cut = 0 < stub.cut_after < len(body) and stub.cuts > 0
            if is_cut:
                stub.cuts -= 1
                self.close_connection = True
                body = body[: stub.cut_after]
            step = max(1, stub.slow // 20) if stub.slow else max(1, len(body))
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                if stub.slow:
                    time.sleep(0.05)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    return Handler
