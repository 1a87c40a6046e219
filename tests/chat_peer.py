"""An incident's room in Synapse: acts in their order, notes once, the transcript at the end.

Both processes are killed in the middle (SIGKILL). What is compared is read from outside: the room by
a person's own account, the record by the command line.
"""

import hashlib
import hmac
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HEREBY, DIR = sys.argv[1], pathlib.Path(sys.argv[2])
DATA, SECRET, PATIENCE_S = DIR / "data", "a-secret-for-registration", 60
NEVER = "0" * 32
HOSTILE = "@room @sam:localhost sam kim <b>hi</b> <img src=x> [x](https://evil.example) **bold**"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def eventually(what, holds, patience_s=PATIENCE_S):
    until = time.monotonic() + patience_s
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < until, f"never: {what}"
        time.sleep(0.1)


class Homeserver:
    def __init__(self):
        self.port, self.child = free_port(), None
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = DIR / "homeserver.yaml"
        run = [sys.executable, "-m", "synapse.app.homeserver", "--config-path", str(self.config)]
        self.line = run
        subprocess.run(
            run + ["--server-name", "localhost", "--generate-config", "--report-stats=no"],
            cwd=DIR, check=True, capture_output=True,
        )
        # Slow enough to be asked to wait while many acts are said; joins and logins are not at stake.
        (DIR / "more.yaml").write_text(json.dumps({
            "listeners": [{
                "port": self.port, "type": "http", "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client"]}],
            }],
            "registration_shared_secret": SECRET,
            "rc_message": {"per_second": 20, "burst_count": 5},
            "rc_joins": {"local": {"per_second": 1000, "burst_count": 1000}},
            "rc_login": {"address": {"per_second": 1000, "burst_count": 1000}},
            "rc_invites": {"per_issuer": {"per_second": 1000, "burst_count": 1000}},
            # A person's first look is made again and again here.
            "caches": {"sync_response_cache_duration": "0s"},
            "trusted_key_servers": [],
        }))
        self.line = run + ["--config-path", str(DIR / "more.yaml")]

    def start(self):
        log = open(DIR / "homeserver.out", "ab")
        self.child = subprocess.Popen(self.line, cwd=DIR, stdout=log, stderr=log)
        eventually("the homeserver answers", self.answers)

    def answers(self):
        assert self.child.poll() is None, "the homeserver ended"
        try:
            return self.ask("GET", "/_matrix/client/versions")
        except (OSError, urllib.error.URLError):
            return None

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def ask(self, method, path, body=None, token=None):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        for _ in range(100):
            request = urllib.request.Request(self.url + path, data, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                said = error.read().decode()
                if error.code != 429:
                    raise AssertionError(f"{method} {path}: {error.code} {said}") from error
                time.sleep(json.loads(said).get("retry_after_ms", 500) / 1000)
        raise AssertionError(f"{method} {path}: asked too often a hundred times")

    def account(self, name):
        path = "/_synapse/admin/v1/register"
        nonce = self.ask("GET", path)["nonce"]
        mac = hmac.new(SECRET.encode(), digestmod=hashlib.sha1)
        mac.update(b"\0".join([nonce.encode(), name.encode(), b"sample", b"notadmin"]))
        answer = self.ask("POST", path, {
            "nonce": nonce, "username": name, "password": "sample", "admin": False,
            "mac": mac.hexdigest(),
        })
        return Person(self, answer["user_id"], answer["access_token"])


class Person:
    def __init__(self, homeserver, user, token):
        self.homeserver, self.user, self.token, self.sent = homeserver, user, token, 0

    def ask(self, method, path, body=None):
        return self.homeserver.ask(method, "/_matrix/client/v3" + path, body, self.token)

    def in_room(self, room, path):
        return f"/rooms/{urllib.parse.quote(room, safe='')}{path}"

    def send(self, room, kind, content):
        self.sent += 1
        path = self.in_room(room, f"/send/{kind}/{self.sent}")
        return self.ask("PUT", path, content)["event_id"]

    def say(self, room, text):
        return self.send(room, "m.room.message", {"msgtype": "m.text", "body": text})

    def pin(self, room, event):
        relates = {"rel_type": "m.annotation", "event_id": event, "key": "📌"}
        return self.send(room, "m.reaction", {"m.relates_to": relates})

    def invited_to(self):
        rooms = self.ask("GET", "/sync?timeout=0").get("rooms", {})
        return next(iter(rooms.get("invite", {})), None)

    def join(self, room):
        self.ask("POST", self.in_room(room, "/join"), {})

    def everything(self, room):
        events, start = [], ""
        while True:
            page = self.ask("GET", self.in_room(room, f"/messages?dir=f&limit=200{start}"))
            events += page["chunk"]
            if not page["chunk"] or "end" not in page:
                return events
            start = "&from=" + urllib.parse.quote(page["end"])

    def highlights(self, room):
        joined = self.ask("GET", "/sync?timeout=0")["rooms"]["join"][room]
        return joined["unread_notifications"]["highlight_count"]


class Record:
    def __init__(self):
        DATA.mkdir(mode=0o700)
        self.child, self.notes = None, 0

    def start(self):
        address = DATA / "http.address"
        address.unlink(missing_ok=True)
        log = open(DIR / "hereby.log", "ab")
        self.child = subprocess.Popen(
            [HEREBY, "serve", "--data-dir", str(DATA), "--listen", "127.0.0.1:0"],
            stdout=log, stderr=log,
        )
        eventually("hereby serves", lambda: address.exists() and address.read_text().endswith("\n"))

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def run(self, *args):
        env = {**os.environ, "XDG_CONFIG_HOME": str(DIR / "config"), "NO_COLOR": "1"}
        env.pop("HEREBY_URL", None)
        line = [HEREBY, *args, "--data-dir", str(DATA)]
        return subprocess.run(line, env=env, capture_output=True, text=True)

    def ok(self, *args):
        done = self.run(*args)
        assert done.returncode == 0, f"hereby {args}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *args):
        return json.loads(self.ok(*args, "--json"))

    def note(self, incident):
        self.notes += 1
        self.ok("note", incident, f"note {self.notes}")

    def acts(self):
        acts = []
        for segment in sorted((DATA / "record" / "segments").glob("*.jsonl")):
            lines = segment.read_text().splitlines()
            acts += [json.loads(line) for line in lines if line.startswith('{"actor":')]
        return acts

    def acts_on(self, incident):
        return [act for act in self.acts() if act["subject"] == {"id": incident, "type": "incident"}]

    def notes_from(self, incident):
        """Notes that came out of the room."""
        acts = self.acts_on(incident)
        ours = [act for act in acts if act["actor"] == {"id": "chat", "type": "system"}]
        return [act for act in ours if act["kind"] == "incident.noted/1"]

    def room(self, incident):
        """The room on the board, if it is there."""
        rooms = [room for channel in self.json("chat")["items"] for room in channel["rooms"]]
        return next((room for room in rooms if room["incident"] == incident), None)


def said(events, bot):
    """The acts that hereby said, in the order of the room."""
    ours = [event for event in events if event["sender"] == bot.user]
    marks = [event["content"].get("hereby.act", {"act": NEVER}) for event in ours]
    return [mark for mark in marks if mark["act"] != NEVER]


def settled(record, person, bot, room, incident):
    """Everything on the record is said: waits for that, and returns the acts in both."""
    def holds():
        acts = [act["id"] for act in record.acts_on(incident)]
        there = [mark["act"] for mark in said(person.everything(room), bot)]
        return acts if len(there) >= len(acts) else None
    acts = eventually("every act is in the room", holds)
    return acts, [mark["act"] for mark in said(person.everything(room), bot)]


def configure(homeserver, bot):
    token = DIR / "token"
    token.write_text(bot.token + "\n")
    token.chmod(0o600)
    (DATA / "hereby.toml").write_text(f"""
[record]
origin = "chat.example/log"
anchor = "{DIR}/anchor"
free_min_mib = 1

[[chat]]
name = "matrix"
kind = "matrix"
url = "{homeserver.url}"
token_file = "{token}"
opens_at = 2
stays = "1s"
""")


def room_is_made(record, sam, kim):
    for person in (sam, kim):
        name = person.user[1:].split(":")[0]
        record.ok("person", "add", name, "--at", f"matrix:{person.user}")
    record.ok("declare", "checkout fails", "--severity", "2")
    for name in ("sam", "kim"):
        record.ok("join", "INC-1", "--as", name)
    room = eventually("sam is invited", sam.invited_to)
    assert eventually("kim is invited", kim.invited_to) == room
    sam.join(room)
    kim.join(room)
    eventually("it is shown", lambda: (record.room("INC-1") or {}).get("room") == room)
    return room


def mirrored_through_kills(record, homeserver, sam, bot, room):
    for _ in range(10):
        record.note("INC-1")
    homeserver.kill()
    for _ in range(5):
        record.note("INC-1")
    waiting = eventually("it is seen that acts wait", lambda: record.room("INC-1")["waiting"])
    assert waiting >= 1 and record.room("INC-1")["error"]
    homeserver.start()
    eventually("it goes on by itself", lambda: record.room("INC-1")["waiting"] == 0)
    for _ in range(10):
        record.note("INC-1")
    # As after a restore from an older backup: the room holds what the record never had.
    lost = {"act": NEVER, "incident": "INC-1", "index": 1_000_000, "kind": "incident.noted/1"}
    body = {"msgtype": "m.notice", "body": "never on this record", "hereby.act": lost}
    bot.send(room, "m.room.message", body)
    record.kill()
    record.start()
    for _ in range(5):
        record.note("INC-1")
    # Killed while the homeserver makes it wait: 20 messages a second are allowed.
    for _ in range(3):
        record.kill()
        record.start()
        record.note("INC-1")
    acts, there = settled(record, sam, bot, room, "INC-1")
    assert there == acts, "acts are lost, twice or out of order"
    print(f"{len(acts)} acts are in the room once, in their order, through five kills")


def noted_once(record, sam, kim, stranger, room):
    sam.say(room, "!note found in root's crontab")
    message = kim.say(room, "the load began at 07:30")
    sam.pin(room, message)
    kim.pin(room, message)
    sam.say(room, "nothing to note here")
    sam.ask("POST", sam.in_room(room, "/invite"), {"user_id": stranger.user})
    stranger.join(room)
    stranger.say(room, "!note I was here")
    edited = sam.say(room, "just talking")
    sam.send(room, "m.room.message", {
        "msgtype": "m.text", "body": "* !note edited in",
        "m.new_content": {"msgtype": "m.text", "body": "!note edited in"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": edited},
    })
    last = sam.say(room, "!hereby note the last one")
    def texts():
        return [act["body"]["text"] for act in record.notes_from("INC-1")]
    wanted = [
        "sam in the room: found in root's crontab",
        "kim in the room: the load began at 07:30",
        "sam in the room: the last one",
    ]
    eventually("three notes", lambda: len(texts()) == 3)
    assert texts() == wanted, texts()
    whys = [act["why"] for act in record.notes_from("INC-1")]
    assert whys[2].endswith(f"({last})") and "put here by sam" in whys[1], whys
    entries = "".join(json.dumps(act) for act in record.acts())
    for person in (sam, kim, stranger):
        assert person.user not in entries, "a person's address stands on the record"
    def refusals():
        events = sam.everything(room)
        texts = [event["content"].get("body", "") for event in events]
        return [text for text in texts if text.startswith("This was not noted")]
    eventually("the stranger is told why", refusals)
    # Everything is read again from its beginning: each note stays one.
    record.kill()
    (DATA / "chat" / "matrix.heard.json").unlink()
    record.start()
    sam.say(room, "!note after reading again")
    eventually("a fourth note", lambda: len(texts()) == 4)
    assert texts() == wanted + ["sam in the room: after reading again"], texts()
    assert len(refusals()) == 1, refusals()
    print("messages became notes once, also when all were read again")


def shown_as_text(record, sam, kim, bot, room):
    before = sam.highlights(room), kim.highlights(room)
    record.ok("note", "INC-1", HOSTILE)
    acts, there = settled(record, sam, bot, room, "INC-1")
    assert there == acts
    event = [event for event in sam.everything(room) if event["sender"] == bot.user][-1]
    content = event["content"]
    assert HOSTILE in content["body"] and content["msgtype"] == "m.notice", content
    assert "formatted_body" not in content and content["m.mentions"] == {}, content
    assert (sam.highlights(room), kim.highlights(room)) == before, "somebody was called"
    print("hostile text is text and calls nobody")


def private_stays(record):
    record.ok("declare", "somebody is in db1", "--severity", "1", "--private")
    refused = record.run("chat", "open", "INC-2")
    assert refused.returncode != 0 and "private" in refused.stderr, refused.stderr
    kinds = [act["kind"] for act in record.acts_on("INC-2")]
    assert kinds == ["incident.declared/1"], kinds
    print("a private incident has no room")


def attached_at_the_end(record, sam, bot, room):
    record.ok("resolve", "INC-1")
    def gone():
        acts = record.acts_on("INC-1")
        return acts[-1]["kind"] == "chat.room_unlinked/1"
    eventually("the room is done with", gone)
    kinds = [act["kind"] for act in record.acts_on("INC-1")]
    assert kinds[-4:] == [
        "chat.room_closed/1", "incident.file_attached/1", "incident.file_attached/1",
        "chat.room_unlinked/1",
    ], kinds
    files = record.json("file", "list", "INC-1")["items"]
    named = {file["name"]: file for file in files}
    assert {file["verification"] for file in files} == {"unverified_source"}
    got = {}
    for name in ("INC-1-matrix.jsonl", "INC-1-matrix.txt"):
        path = DIR / name
        record.ok("file", "get", "INC-1", named[name]["sha256"][:12], "-o", str(path))
        got[name] = path.read_text()
    transcript = [json.loads(line) for line in got["INC-1-matrix.jsonl"].splitlines()]
    events = sam.everything(room)
    ids = [event["event_id"] for event in transcript]
    assert ids == [event["event_id"] for event in events], "the transcript is not the room"
    assert [e["content"] for e in transcript] == [e["content"] for e in events]
    for text in ("found in root's crontab", "nothing to note here", HOSTILE):
        assert text in got["INC-1-matrix.txt"], text
    resolved = [mark["kind"] for mark in said(events, bot)]
    assert resolved[-1] == "chat.room_closed/1", resolved
    kept = (DATA / "blobs").rglob("*")
    assert not any(
        b"root's crontab" in path.read_bytes() for path in kept if path.is_file()
    ), "a transcript lies open"
    sam.say(room, "!note too late")
    record.ok("verify")
    print(f"{len(events)} events are attached, as the room has them")


def same_room_again(record, sam, bot, room):
    record.ok("reopen", "INC-1")
    record.ok("chat", "open", "INC-1") if not record.room("INC-1") else None
    eventually("the same room", lambda: (record.room("INC-1") or {}).get("room") == room)
    acts, there = settled(record, sam, bot, room, "INC-1")
    assert there == acts, "the room does not go on where it was"
    record.ok("chat", "close", "INC-1")
    eventually("it is done with", lambda: record.room("INC-1") is None)
    print("an incident that is opened again has the same room, and goes on where it was")


def main():
    started = time.monotonic()
    homeserver, record = Homeserver(), Record()
    try:
        homeserver.start()
        bot, sam, kim, stranger = map(homeserver.account, ["hereby", "sam", "kim", "stranger"])
        configure(homeserver, bot)
        assert "@hereby:localhost" in record.run("chat", "test", "matrix").stderr
        record.start()
        room = room_is_made(record, sam, kim)
        mirrored_through_kills(record, homeserver, sam, bot, room)
        noted_once(record, sam, kim, stranger, room)
        shown_as_text(record, sam, kim, bot, room)
        private_stays(record)
        attached_at_the_end(record, sam, bot, room)
        same_room_again(record, sam, bot, room)
    finally:
        for child in (record.child, homeserver.child):
            if child and child.poll() is None:
                child.kill()
                child.wait()
    print(f"in {time.monotonic() - started:.0f} s")


main()
