"""Publishes a page to a directory, a bucket and by rsync, and has it read by what others wrote.

Usage: status_story.py HEREBY DIRECTORY NODE_DIRECTORY. Ends what it started, by process id.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import feedparser

HEREBY, DIRECTORY, NODE = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
DATA = DIRECTORY / "data"
FILES, MIRROR = DIRECTORY / "files", DIRECTORY / "mirror"
HOSTILE = "<script>alert(1)</script> & \"quotes\" 'too' ]]>"
STARTED = []


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(*line, **more):
    process = subprocess.Popen([str(part) for part in line], stdin=subprocess.DEVNULL, **more)
    STARTED.append(process)
    return process


def hereby(*args):
    done = subprocess.run(
        [HEREBY, *map(str, args), "--data-dir", str(DATA)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout


def eventually(what, holds, patience=60):
    end = time.monotonic() + patience
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.1)


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, b""
    except OSError:
        return 0, {}, b""


def targets():
    items = json.loads(hereby("page", "targets", "--json"))["items"]
    return {item["target"]: item for item in items}


def up_to_date(names):
    found = targets()
    return all(
        found[name]["rounds"] > 0
        and found[name]["trouble"] is None
        and found[name]["waiting_since"] is None
        for name in names
    )


def moto(port, log):
    server = start("moto_server", "-H", "127.0.0.1", "-p", port, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    eventually("moto listens", lambda: get(f"{base}/moto-api/")[0])
    request = urllib.request.Request(f"{base}/status", method="PUT")
    request.add_header("x-amz-acl", "public-read")
    urllib.request.urlopen(request, timeout=10).close()
    return server, base


def tell():
    hereby("component", "add", "shop", "Shop")
    hereby("component", "add", "checkout", "Checkout", "--in", "de:Kasse", "--group", "shop")
    hereby("component", "add", "hostile", HOSTILE)
    hereby("declare", "internal words", "--severity", "1")
    hereby(
        "update", "INC-1", "--to", "public", "--headline", HOSTILE, "--impact", "major",
        "--component", "checkout=partial_outage", "--in", "de:Wir suchen.",
        f"We are looking.\n\n{HOSTILE}",
    )
    hereby(
        "maintenance", "schedule", "db", "swap", "--from", "in 2h", "--for", "1h",
        "--headline", "A faster database", "--text", "You can read and not write.",
        "--component", "shop",
    )


def read_by_the_client(url):
    done = subprocess.run(
        ["node", str(pathlib.Path("tests/read_page.cjs").resolve()), NODE, url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_client(url):
    said = read_by_the_client(url)
    assert said["status"] == {"indicator": "major", "description": "Partial System Outage"}, said
    names = {it["name"]: it["status"] for it in said["components"]}
    assert names == {"Shop": "partial_outage", "Checkout": "partial_outage", HOSTILE: "operational"}
    assert [it["name"] for it in said["unresolved"]] == [HOSTILE]
    update = said["all"][0]["incident_updates"][0]
    assert update["affected_components"][0]["new_status"] == "partial_outage", update
    assert [it["name"] for it in said["upcoming"]] == ["A faster database"]
    assert said["summary"] == {"incidents": 1, "components": 3, "scheduled": 1}, said


def check_feeds(url):
    for path, kind in [
        ("history.atom", "atom10"), ("history.rss", "rss20"),
        ("de/history.atom", "atom10"), ("de/history.rss", "rss20"),
    ]:
        status, headers, body = get(f"{url}/{path}")
        assert status == 200 and kind[:3] in headers["Content-Type"], (path, status, dict(headers))
        feed = feedparser.parse(body)
        assert not feed.bozo, (path, feed.get("bozo_exception"))
        assert feed.version == kind, (path, feed.version)
        assert len(feed.entries) == 2, path
        for entry in feed.entries:
            assert entry.id == entry.link and entry.updated_parsed and entry.published_parsed
        titles = [entry.title for entry in feed.entries]
        assert any("alert(1)" in title for title in titles), titles
        if kind == "atom10":
            # A title is text, whatever stands in it.
            assert HOSTILE in titles, titles
            assert all(entry.title_detail.type == "text/plain" for entry in feed.entries)
            file = DIRECTORY / "feed.atom"
            file.write_bytes(body)
            subprocess.run(
                ["xmllint", "--noout", "--relaxng", "tests/atom.rng", str(file)],
                check=True,
                capture_output=True,
            )


def check_bucket(base):
    for path, media in [
        ("index.html", "text/html; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("api/v2/summary.json", "application/json"),
        ("history.atom", "application/atom+xml; charset=utf-8"),
    ]:
        status, headers, body = get(f"{base}/status/www/{path}")
        assert status == 200 and headers["Content-Type"] == media, (path, status, dict(headers))
        assert body == (FILES / path).read_bytes() or path == "index.html", path


def main():
    DATA.mkdir(mode=0o700)
    log = open(DIRECTORY / "log", "wb")  # noqa: SIM115
    s3_port, page_port = free_port(), free_port()
    server, base = moto(s3_port, log)
    credentials = DIRECTORY / "credentials"
    credentials.write_text("access_key_id=sample\nsecret_access_key=sample-secret\n")
    credentials.chmod(0o600)
    MIRROR.mkdir()
    (DATA / "hereby.toml").write_text(
        f"""
[record]
origin = "status.example/log"
anchor = "{DIRECTORY}/anchor"
free_min_mib = 1
[status]
name = "Sample Shop"
url = "http://127.0.0.1:{page_port}"
[[status.target]]
name = "files"
directory = "{FILES}"
read_url = "http://127.0.0.1:{page_port}"
[[status.target]]
name = "bucket"
bucket = "status"
endpoint = "{base}"
prefix = "www"
credentials_file = "{credentials}"
[[status.target]]
name = "mirror"
rsync = "{MIRROR}"
"""
    )
    FILES.mkdir()
    start(HEREBY, "page", "serve", "--dir", FILES, "--listen", f"127.0.0.1:{page_port}",
          stdout=log, stderr=log)
    control = start(HEREBY, "serve", "--listen", "127.0.0.1:0", "--data-dir", DATA,
                    stdout=log, stderr=log)
    eventually("hereby serves", lambda: (DATA / "control.sock").exists() or
               (DATA / "http.address").exists())
    eventually("hereby answers", lambda: subprocess.run(
        [HEREBY, "status", "--data-dir", str(DATA)], capture_output=True, check=False
    ).returncode == 0)

    begun = time.monotonic()
    tell()
    eventually("all three have the news", lambda: up_to_date(["files", "bucket", "mirror"])
               and b"We are looking." in (FILES / "index.html").read_bytes()
               and b"We are looking." in (MIRROR / "index.html").read_bytes())
    print(f"news at three targets after {time.monotonic() - begun:.1f} s")
    url = f"http://127.0.0.1:{page_port}"
    vkey = hereby("page", "key").strip()
    for place in [url, FILES, MIRROR, f"{base}/status/www"]:
        hereby("page", "verify", place, "--vkey", vkey)
    check_bucket(base)
    check_client(url)
    check_feeds(url)
    for path in ["index.html", "de/index.html", "history.html"]:
        assert b"<script>alert" not in (FILES / path).read_bytes(), path

    # The bucket's server dies. The others go on; it is said once, by an alert, that one is behind.
    server.kill()
    server.wait()
    begun = time.monotonic()
    hereby("update", "INC-1", "--to", "public", "--status", "identified", "We know why.")
    eventually("the others have it", lambda: b"We know why." in (FILES / "index.html").read_bytes()
               and b"We know why." in (MIRROR / "index.html").read_bytes(), 30)
    print(f"news at two targets after {time.monotonic() - begun:.1f} s, with the third dead")
    behind = lambda: [name for name, item in targets().items() if item["behind"]]  # noqa: E731
    eventually("it is visible that one is behind", lambda: behind() == ["bucket"], 60)

    def alerts():
        items = json.loads(hereby("alerts", "--all", "--json"))["items"]
        return [it for it in items if it["source"] == "status"]

    eventually("an alert says so", alerts, 30)
    assert len(alerts()) == 1, alerts()

    # It comes back, empty; it catches up, and the alert ends.
    moto(s3_port, log)
    eventually("it catches up", lambda: not behind() and up_to_date(["bucket"]), 90)
    eventually("the alert ends", lambda: not json.loads(hereby("alerts", "--json"))["items"], 30)
    control.kill()
    control.wait()
    # Control is gone: the page is read as before.
    check = get(f"{url}/")
    assert check[0] == 200 and b"We know why." in check[2]
    hereby("page", "verify", url, "--vkey", vkey)


try:
    main()
except BaseException:
    sys.stderr.write((DIRECTORY / "log").read_text(errors="replace")[-4000:])
    raise
finally:
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.wait()
