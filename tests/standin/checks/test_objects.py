"""The stand-in of the object store: S3 as clients know it, and nobody in without a signature."""

import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest
import urllib.parse
import xml.etree.ElementTree as xml

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "ru-central1"
XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
ODD_KEYS = [
    "a b", "a+b", "100%", "a%20b", "quo'te\"s", "&=?#;:@", "../climbs", "./.", ".hidden", "a//b",
    "/begins", "ends/", "a", "a/b", "кириллица/и ещё.wav", "🎧.ogg", "tab\tand\nline", "<xml>",
    "x" * 1024, "ж" * 512, "~-_.", "*()!,$",
]  # fmt: skip


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def signed(method, path, query, headers, secret=SECRET, region=REGION, at=None):
    """Signature V4 by the book; path and query are canonical already."""
    at = at or datetime.datetime.now(datetime.timezone.utc)
    date = at.strftime("%Y%m%dT%H%M%SZ")
    headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", **headers, "x-amz-date": date}
    names = sorted(name.lower() for name in headers)
    lower = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    request = "\n".join(
        [method, path, query, *(f"{name}:{lower[name]}" for name in names), "",
         ";".join(names), lower["x-amz-content-sha256"]]
    )  # fmt: skip
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
    key = ("AWS4" + secret).encode()
    for part in (date[:8], region, "s3", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={';'.join(names)}, "
        f"Signature={key.hex()}"
    )
    return headers


class ObjectsTest(unittest.TestCase):
    anonymous = False

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "key.json").write_text(
            json.dumps({"access_key_id": KEY_ID, "secret_access_key": SECRET})
        )
        (self.folder / "token").write_text("t1.right\n")
        self.start()

    def start(self):
        command = [os.environ["BACKSCRIBE_STANDIN_OBJECTS"], "--directory", self.folder]
        command += ["--bucket", "bucket", "--bucket", "other", "--log", self.folder / "log"]
        if not self.anonymous:
            command += ["--key-file", self.folder / "key.json"]
            command += ["--token-file", self.folder / "token"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop)
        line = self.process.stdout.readline()
        self.assertTrue(line.startswith("listening on "), line)
        self.host = line.removeprefix("listening on ").strip()

    def stop(self):
        """Its exit status tells of leaks and races where sanitizers are built in."""
        if self.process.poll() is None:
            self.process.terminate()
        self.assertEqual(self.process.wait(30), 0)
        self.process.stdout.close()

    def send(self, method, target, headers, body=None):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            answer.content = answer.read()
            return answer
        finally:
            connection.close()

    def ask(self, method, key=None, bucket="bucket", body=None, query=None, headers=None, **how):
        path = f"/{bucket}" + ("" if key is None else "/" + quote(key, "/"))
        pairs = sorted((quote(name), quote(value)) for name, value in (query or {}).items())
        text = "&".join(f"{name}={value}" for name, value in pairs)
        headers = {"Host": self.host, **(headers or {})}
        if body is not None:
            headers["Content-Length"] = str(len(body))
        headers = signed(method, path, text, headers, **how)
        return self.send(method, path + (f"?{text}" if text else ""), headers, body)

    def expect(self, status, answer, code=None):
        self.assertEqual(answer.status, status, answer.content)
        if code is not None:
            self.assertEqual(xml.fromstring(answer.content).findtext("Code"), code)
        return answer

    def list(self, **query):
        answer = self.expect(200, self.ask("GET", query=query))
        return xml.fromstring(answer.content)

    def keys(self, **query):
        return [key.text for key in self.list(**query).iter(XMLNS + "Key")]


class Objects(ObjectsTest):
    def test_an_object_comes_back_as_it_was_put(self):
        body = random.Random(1).randbytes(300_000)
        metadata = {"X-Amz-Meta-Sha256": "abc", "Content-Type": "audio/ogg"}
        self.expect(200, self.ask("PUT", "call.ogg", body=body, headers=metadata))
        head = self.expect(200, self.ask("HEAD", "call.ogg"))
        self.assertEqual(head.content, b"")
        self.assertEqual(head.getheader("Content-Length"), str(len(body)))
        self.assertEqual(head.getheader("ETag"), f'"{hashlib.md5(body).hexdigest()}"')
        self.assertEqual(head.getheader("x-amz-meta-sha256"), "abc")
        self.assertEqual(head.getheader("Content-Type"), "audio/ogg")
        self.assertRegex(head.getheader("Last-Modified"), r"^\w{3}, \d\d \w{3} \d{4} .* GMT$")
        self.assertEqual(self.expect(200, self.ask("GET", "call.ogg")).content, body)
        self.expect(200, self.ask("PUT", "call.ogg", body=b""))
        again = self.expect(200, self.ask("GET", "call.ogg"))
        self.assertEqual((again.content, again.getheader("x-amz-meta-sha256")), (b"", None))

    def test_ranges_and_conditions(self):
        body = bytes(range(256))
        etag = self.ask("PUT", "o", body=body).getheader("ETag")
        for asked, status, content in (
            ("bytes=0-9", 206, body[:10]),
            ("bytes=250-", 206, body[250:]),
            ("bytes=-3", 206, body[-3:]),
            ("bytes=200-999", 206, body[200:]),
            ("bytes=x", 200, body),
        ):
            answer = self.expect(status, self.ask("GET", "o", headers={"Range": asked}))
            self.assertEqual(answer.content, content, asked)
        answer = self.ask("GET", "o", headers={"Range": "bytes=10-19"})
        self.assertEqual(answer.getheader("Content-Range"), "bytes 10-19/256")
        beyond = self.ask("GET", "o", headers={"Range": "bytes=256-"})
        self.expect(416, beyond, "InvalidRange")
        self.expect(200, self.ask("GET", "o", headers={"If-Match": etag}))
        other = self.ask("GET", "o", headers={"If-Match": '"other"'})
        self.expect(412, other, "PreconditionFailed")

    def test_any_key_names_its_own_object_and_stays_in_the_folder(self):
        for key in ODD_KEYS:
            self.expect(200, self.ask("PUT", key, body=key.encode()))
        for key in ODD_KEYS:
            self.assertEqual(self.expect(200, self.ask("GET", key)).content, key.encode(), key)
        listed = self.list(**{"encoding-type": "url"}).iter(XMLNS + "Key")
        listed = [urllib.parse.unquote(key.text) for key in listed]
        self.assertEqual(listed, sorted(ODD_KEYS, key=str.encode))
        self.assertEqual(
            sorted(path.name for path in self.folder.iterdir()),
            [".uploads", "bucket", "key.json", "log", "other", "token"],
        )
        for key in ODD_KEYS:
            self.expect(204, self.ask("DELETE", key))
            self.expect(404, self.ask("GET", key), "NoSuchKey")
        self.assertEqual(self.keys(), [])

    def test_a_deleted_object_is_gone_and_may_be_deleted_again(self):
        self.ask("PUT", "o", body=b"1")
        self.expect(204, self.ask("DELETE", "o"))
        self.expect(204, self.ask("DELETE", "o"))
        self.expect(404, self.ask("HEAD", "o"))

    def test_what_cannot_be_done_is_said(self):
        self.expect(404, self.ask("GET", "o", bucket="nowhere"), "NoSuchBucket")
        self.expect(404, self.ask("PUT", "o", bucket="nowhere", body=b"1"), "NoSuchBucket")
        self.expect(400, self.ask("PUT", bucket="UPPER"), "InvalidBucketName")
        self.expect(400, self.ask("PUT", "x" * 1025, body=b""), "KeyTooLongError")
        self.expect(501, self.ask("PUT", "o", body=b"", query={"partNumber": "1"}), "NotImplemented")
        self.expect(501, self.ask("GET", query={"versions": ""}), "NotImplemented")
        self.expect(405, self.ask("PATCH", "o"), "MethodNotAllowed")
        self.expect(200, self.ask("PUT", bucket="new-one"))
        self.expect(409, self.ask("PUT", bucket="new-one"), "BucketAlreadyOwnedByYou")
        self.expect(200, self.ask("HEAD", bucket="new-one"))

    def test_a_body_that_is_cut_or_changed_replaces_nothing(self):
        self.ask("PUT", "o", body=b"before")
        wrong = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
        answer = self.ask("PUT", "o", body=b"after", headers=wrong)
        self.expect(400, answer, "XAmzContentSHA256Mismatch")
        wrong = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}  # of nothing
        self.expect(400, self.ask("PUT", "o", body=b"after", headers=wrong), "BadDigest")
        headers = {"Host": self.host, "Content-Length": "100"}
        headers = signed("PUT", "/bucket/o", "", headers)
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.putrequest("PUT", "/bucket/o", skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(b"half")
        connection.close()
        self.stop()
        self.start()
        self.assertEqual(self.ask("GET", "o").content, b"before")
        self.assertEqual(list((self.folder / ".uploads").iterdir()), [])

    def test_right_hashes_of_a_body_are_taken(self):
        right = {
            "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
            "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==",
        }
        self.expect(200, self.ask("PUT", "o", body=b"", headers=right))

    def test_each_request_is_a_line_in_the_log(self):
        self.ask("PUT", "o", body=b"12345")
        self.ask("GET", "missing")
        self.stop()
        # A line is written when its answer is out: those of two connections may change places.
        lines = [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]
        self.assertCountEqual(
            [
                (line["method"], line["target"], line["status"], line["bytes"], line.get("code"))
                for line in lines
            ],
            [
                ("PUT", "/bucket/o", 200, 5, None),
                ("GET", "/bucket/missing", 404, 0, "NoSuchKey"),
            ],
        )


class Listing(ObjectsTest):
    def setUp(self):
        super().setUp()
        self.names = sorted(f"calls/{day}/{n:02}.ogg" for day in "ab" for n in range(15))
        for name in [*self.names, "zero"]:
            self.ask("PUT", name, body=name.encode())

    def test_pages_follow_a_marker(self):
        found, marker = [], ""
        for size in (10, 10, 11):
            page = self.list(**{"max-keys": str(size), "marker": marker})
            found += [key.text for key in page.iter(XMLNS + "Key")]
            marker = found[-1]
        self.assertEqual(found, [*self.names, "zero"])
        self.assertEqual(page.findtext(XMLNS + "IsTruncated"), "false")
        first = self.list(**{"max-keys": "10"})
        self.assertEqual(first.findtext(XMLNS + "IsTruncated"), "true")
        entry = first.find(XMLNS + "Contents")
        name = self.names[0]
        self.assertEqual(entry.findtext(XMLNS + "Size"), str(len(name)))
        self.assertEqual(
            entry.findtext(XMLNS + "ETag"), f'"{hashlib.md5(name.encode()).hexdigest()}"'
        )

    def test_a_prefix_narrows(self):
        self.assertEqual(self.keys(prefix="calls/b/"), self.names[15:])
        self.assertEqual(self.keys(prefix="nothing"), [])

    def test_version_2_follows_a_token(self):
        found, token = [], {}
        while token is not None:
            page = self.list(**{"list-type": "2", "max-keys": "7", **token})
            found += [key.text for key in page.iter(XMLNS + "Key")]
            following = page.findtext(XMLNS + "NextContinuationToken")
            token = following and {"continuation-token": following}
        self.assertEqual(found, [*self.names, "zero"])
        self.assertEqual(self.keys(**{"list-type": "2", "start-after": "calls/b/13.ogg"}),
                         ["calls/b/14.ogg", "zero"])

    def test_a_delimiter_folds_what_is_below(self):
        page = self.list(delimiter="/", prefix="calls/")
        prefixes = [each.findtext(XMLNS + "Prefix") for each in page.iter(XMLNS + "CommonPrefixes")]
        self.assertEqual(prefixes, ["calls/a/", "calls/b/"])
        self.assertEqual(list(page.iter(XMLNS + "Key")), [])


class Signatures(ObjectsTest):
    def test_a_wrong_signature_is_refused_and_changes_nothing(self):
        self.ask("PUT", "o", body=b"before")
        for code, how in (
            ("SignatureDoesNotMatch", {"secret": SECRET + "x"}),
            ("AuthorizationHeaderMalformed", {"region": "elsewhere"}),
        ):
            status = 403 if code == "SignatureDoesNotMatch" else 400
            self.expect(status, self.ask("PUT", "o", body=b"after", **how), code)
            self.expect(status, self.ask("GET", "o", **how), code)
            self.expect(status, self.ask("DELETE", "o", **how))
        self.assertEqual(self.ask("GET", "o").content, b"before")

    def test_a_request_may_be_a_quarter_of_an_hour_off(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        for minutes, status in ((-14, 200), (14, 200), (-16, 403), (16, 403)):
            at = now + datetime.timedelta(minutes=minutes)
            answer = self.ask("GET", at=at)
            self.expect(status, answer, "RequestTimeTooSkewed" if status == 403 else None)

    def test_what_was_signed_may_not_be_changed(self):
        headers = signed("GET", "/bucket/o", "", {"Host": self.host, "Range": "bytes=0-1"})
        for target, changed in (
            ("/bucket/p", {}),
            ("/bucket/o?x=1", {}),
            ("/bucket/o", {"Range": "bytes=0-9"}),
            ("/bucket/o", {"Host": "elsewhere"}),
        ):
            answer = self.send("GET", target, {**headers, **changed})
            self.expect(403, answer, "SignatureDoesNotMatch")
        answer = self.send("PUT", "/bucket/o", {**headers, "Content-Length": "0"})
        self.expect(403, answer, "SignatureDoesNotMatch")
        answer = self.send("GET", "/bucket/o", {**headers, "x-amz-meta-more": "unsigned"})
        self.expect(403, answer, "AccessDenied")

    def test_nobody_is_let_in_without_credentials(self):
        host = {"Host": self.host}
        self.expect(403, self.send("GET", "/bucket/o", host), "AccessDenied")
        for wrong in ("Bearer t1.wrong", "Bearer", "AWS " + KEY_ID + ":x", "Basic eDp5"):
            answer = self.send("GET", "/bucket/o", {**host, "Authorization": wrong})
            self.expect(403, answer, "AccessDenied")
        other = signed("GET", "/bucket", "", host)
        other["Authorization"] = other["Authorization"].replace(KEY_ID, "AKIDOTHER")
        self.expect(403, self.send("GET", "/bucket", other), "InvalidAccessKeyId")
        broken = {**host, "Authorization": "AWS4-HMAC-SHA256 Credential=a/b, Signature=c"}
        self.expect(400, self.send("GET", "/bucket", broken), "AuthorizationHeaderMalformed")
        without_hash = signed("GET", "/bucket", "", host)
        del without_hash["x-amz-content-sha256"]
        self.expect(400, self.send("GET", "/bucket", without_hash), "InvalidRequest")

    def test_a_bearer_token_is_taken(self):
        headers = {"Host": self.host, "Authorization": "Bearer t1.right"}
        self.expect(200, self.send("GET", "/bucket", headers))


class Anonymous(ObjectsTest):
    anonymous = True

    def test_without_a_key_everybody_may_ask(self):
        headers = {"Host": self.host, "Content-Length": "1"}
        self.expect(200, self.send("PUT", "/bucket/o", headers, b"1"))
        self.expect(200, self.ask("GET", "o"))

    def test_a_length_is_needed(self):
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request("PUT", "/bucket/o", iter([b"chunk"]), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})  # fmt: skip
        answer = connection.getresponse()
        answer.content = answer.read()
        connection.close()
        self.expect(411, answer, "MissingContentLength")


if __name__ == "__main__":
    unittest.main()
