"""IAM and the metadata service: give the tokens that the stand-in of the API accepts, to whom signs as
he must. The signature is verified by openssl with the public key alone."""

import base64
import http.server
import json
import subprocess
import threading
import time
import urllib.request

AUDIENCE = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
KEY_ID = "ajek-a-key"
ACCOUNT_ID = "ajes-an-account"


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, **options)


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Iam:
    """`service` is the stand-in's URL. `answer` is what happens to requests: "token"; "foreign", a
    token that nobody accepts; "down", 503."""

    def __init__(self, directory, service):
        self.directory = directory
        self.service = service
        self.answer = "token"
        self.jwts = []
        self.tokens = []
        self.refusals = []  # why a request was no good
        self.key_file = directory / "authorized-key"
        self._private_key = directory / "private.pem"
        self._public_key = directory / "public.pem"
        self.make_key()
        iam = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802 (the name that the library calls)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                iam.exchange(self, body)

            def do_GET(self):  # noqa: N802
                iam.metadata(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def make_key(self):
        """An authorized key as the service hands it out; the one before is not accepted any more."""
        made = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
                       self._private_key)
        assert made.returncode == 0, made.stderr
        openssl("pkey", "-in", self._private_key, "-pubout", "-out", self._public_key)
        warning = f"PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <{KEY_ID}>\n"
        key = {
            "id": KEY_ID,
            "service_account_id": ACCOUNT_ID,
            "created_at": "2026-01-01T00:00:00Z",
            "key_algorithm": "RSA_2048",
            "public_key": self._public_key.read_text(),
            "private_key": warning + self._private_key.read_text(),
        }
        fresh = self.key_file.with_suffix(".new")
        fresh.write_text(json.dumps(key))
        fresh.rename(self.key_file)

    def secrets(self):
        """Everything that must be seen nowhere: each line of the private key, each signed request's
        signature, each token."""
        key = [line for line in self._private_key.read_text().splitlines() if "-----" not in line]
        return key + [jwt.rsplit(".", 1)[1] for jwt in self.jwts] + self.tokens

    # ---- what is asked

    def _problem(self, jwt):
        header, claims, signature = jwt.split(".")
        if json.loads(decoded(header)) != {"typ": "JWT", "alg": "PS256", "kid": KEY_ID}:
            return f"header {decoded(header)!r}"
        said = json.loads(decoded(claims))
        now = time.time()
        if set(said) != {"iss", "aud", "iat", "exp"} or said["aud"] != AUDIENCE:
            return f"claims {said}"
        if said["iss"] != ACCOUNT_ID or not now - 60 < said["iat"] <= now + 1:
            return f"claims {said}"
        if not now < said["exp"] <= said["iat"] + 3600:
            return f"claims {said}"
        path = self.directory / "signature"
        path.write_bytes(decoded(signature))
        verified = openssl("dgst", "-sha256", "-verify", self._public_key, "-signature", path,
                           "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32",
                           "-sigopt", "rsa_mgf1_md:sha256", input=f"{header}.{claims}".encode())
        return None if verified.returncode == 0 else f"signature: {verified.stdout!r}"

    def _token(self):
        """(token, expiresAt) by the stand-in."""
        if self.answer == "foreign":
            end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 43200))
            return f"t1.foreign-token-number-{len(self.tokens)}", end
        body = json.dumps({"jwt": "a.b.c"}).encode()
        with urllib.request.urlopen(f"{self.service}/iam/v1/tokens", body, timeout=30) as answer:
            given = json.load(answer)
        return given["iamToken"], given["expiresAt"]

    def exchange(self, handler, body):
        jwt = json.loads(body)["jwt"]
        self.jwts.append(jwt)
        problem = self._problem(jwt) if handler.path == "/iam/v1/tokens" else handler.path
        if self.answer == "down":
            self._send(handler, 503, {"code": 14, "message": "try again later"})
        elif problem:
            self.refusals.append(problem)
            # As a service that quotes what it was sent.
            self._send(handler, 401, {"code": 16, "message": f"this JWT is no good: {jwt}"})
        else:
            token, end = self._token()
            self.tokens.append(token)
            self._send(handler, 200, {"iamToken": token, "expiresAt": end})

    def metadata(self, handler):
        if handler.path != METADATA_PATH or handler.headers["Metadata-Flavor"] != "Google":
            self.refusals.append(f"{handler.path} {handler.headers}")
            self._send(handler, 403, {})
            return
        token, _ = self._token()
        self.tokens.append(token)
        self._send(handler, 200,
                   {"access_token": token, "expires_in": 42_000, "token_type": "Bearer"})

    @staticmethod
    def _send(handler, status, body):
        text = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)
