"""The story of a notice to ten thousand subscribers, told with the real binary and a real server.

subscribers_story.py HEREBY. Exits with an error at the first thing that is not as it should be.
"""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PEOPLE = 10_000
HEREBY = sys.argv[1]
HERE = Path(__file__).parent
PATIENCE_S = 60


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until(what, check, patience_s=PATIENCE_S):
    begun = time.monotonic()
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() - begun > patience_s:
            raise SystemExit(f"{what} did not come about within {patience_s} s")
        time.sleep(0.02)


def holds(condition, what):
    if not condition:
        raise SystemExit(f"this does not hold: {what}")


class MailServer:
    def __init__(self, place):
        self.port = free_port()
        self.file = place / "accepted.jsonl"
        self.file.touch()
        self.log = place / "mail.log"
        self.start()

    def start(self):
        line = [sys.executable, HERE / "mail_server.py", str(self.port), self.file]
        self.begin(line)

    def begin(self, line):
        """Its log has a traceback for whatever it refuses; so it is shown when a story fails."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, text=True)
        ready = self.process.stdout.readline() == "ready\n"
        holds(ready, f"the mail server starts: {self.log.read_text()}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def accepted(self):
        text = self.file.read_text()
        # The last line may be half: what is half was not answered.
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def count(self):
        return self.file.read_bytes().count(b"\n")


class Control(http.client.HTTPConnection):
    """The local socket: no token, and the rates of this machine's own."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Hereby:
    def __init__(self, place, mail_port):
        self.data = place / "data"
        self.data.mkdir(mode=0o700)
        self.log = open(place / "log", "ab")
        self.config = place
        (self.data / "hereby.toml").write_text(
            f"""
            [record]
            origin = "test.example/log"
            anchor = "{place}/anchor"
            free_min_mib = 1
            [mail]
            server = "127.0.0.1"
            port = {mail_port}
            encryption = "none"
            from = "status@example.org"
            from_name = "Sample status"
            per_second = 1000
            connections = 8
            retry_s = 1
            tries_max = 4
            give_up_s = 6
            answer_s = 10
            [subscriptions]
            url = "https://status.example.org"
            title = "Sample status"
            requests_per_hour = 1000
            """
        )
        self.start()

    def start(self):
        address = self.data / "http.address"
        address.unlink(missing_ok=True)
        line = [HEREBY, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data]
        self.process = subprocess.Popen(line, stdout=self.log, stderr=self.log)
        until("hereby's start", lambda: address.exists() and address.read_text().endswith("\n"))
        self.address = address.read_text().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        holds(self.process.wait(30) == 0, "hereby stops cleanly")

    def run(self, *line):
        """What a person types; it must succeed."""
        env = {**os.environ, "NO_COLOR": "1", "XDG_CONFIG_HOME": str(self.config)}
        env.pop("HEREBY_URL", None)
        said = subprocess.run(
            [HEREBY, *line, "--data-dir", self.data], env=env, capture_output=True, text=True
        )
        holds(said.returncode == 0, f"hereby {line}: {said.stdout}{said.stderr}")
        return said.stdout

    def json(self, *line):
        return json.loads(self.run(*line, "--json"))

    def ask(self, method, path, body=None, **headers):
        """What a stranger sends: status and text."""
        connection = http.client.HTTPConnection(self.address)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def acts(self):
        segments = sorted((self.data / "record" / "segments").glob("*.jsonl"))
        lines = (line for segment in segments for line in segment.read_bytes().split(b"\n"))
        return [json.loads(line) for line in lines if line.startswith(b'{"actor":')]

    def add(self, addresses):
        """Each by a person who answers for it, several at once."""
        queue = list(enumerate(addresses))
        lock = threading.Lock()
        wrong = []

        def work():
            connection = Control(self.data / "control.sock")
            while True:
                with lock:
                    if not queue or wrong:
                        return
                    number, address = queue.pop()
                language = ["en", "de"][number % 2]
                body = json.dumps({"address": address, "channel": "mail", "language": language})
                headers = {
                    "Content-Type": "application/json",
                    "Idempotency-Key": f"add/{address}",
                    "Hereby-Why": "a list that was confirmed elsewhere",
                }
                while True:
                    # The same key: sent again, it happens once.
                    try:
                        connection.request(
                            "POST", "/api/v1/commands/subscriber.confirm", body, headers
                        )
                        answer = connection.getresponse()
                        text = answer.read()
                    except (http.client.HTTPException, OSError):
                        connection.close()
                        continue
                    if answer.status != 503:
                        break
                    time.sleep(0.2)
                if answer.status != 200:
                    wrong.append(text)

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        holds(not wrong, f"subscribers are added: {wrong[:1]}")

    def notice(self, name):
        [found] = [it for it in self.json("notices")["items"] if it["notice"] == name]
        return found

    def delivered(self, name, patience_s=PATIENCE_S):
        def ended():
            notice = self.notice(name)
            return None if notice["running"] else notice

        return until(f"the end of {name}", ended, patience_s)

    def outcomes(self, notice):
        sha256 = notice["outcomes"]["sha256"]
        name = base64.b64decode(sha256).hex()
        blobs = self.data / "blobs"
        [file] = [it for it in blobs.rglob("*") if it.is_file() and name in str(it).replace("/", "")]
        return [json.loads(line) for line in file.read_text().splitlines()]


def link(mail, what):
    found = re.search(rf"https://status\.example\.org(/subscriptions/{what}/\S+)", mail["text"])
    holds(found, f"a link to {what} in {mail}")
    return found.group(1)


def opt_in(hereby, mail):
    """Nothing is kept before the link is followed, and one click leaves."""
    before = len(hereby.acts())
    form = "channel=mail&address=sam%40example.org&language=de"
    kind = "application/x-www-form-urlencoded"
    status, page = hereby.ask("POST", "/subscriptions", form, Content_Type=kind, Accept="text/html")
    holds(status == 202, page)
    [asked] = until("the mail that asks", mail.accepted)
    holds(asked["to"] == "sam@example.org" and asked["language"] == "de", asked)
    confirm = link(asked, "confirm")
    holds("sam@example.org" not in confirm, "the link shows no address")
    for _ in range(2):
        status, page = hereby.ask("GET", confirm)
        holds(status == 200 and "sam@example.org" in page, page)
    holds(len(hereby.acts()) == before, "looking at a link confirms nothing")
    for _ in range(2):
        status, _ = hereby.ask("POST", confirm)
        holds(status == 200, "the link confirms, and says the same again")
    holds(hereby.json("subscribers")["total"] == 1, "there is one subscriber")
    raw = b"".join(it.read_bytes() for it in (hereby.data / "record").rglob("*.jsonl"))
    holds(b"sam@example.org" not in raw, "the record has no address in the clear")
    # Whoever asks again is answered the same, and a fourth mail a day is not sent.
    answers = {hereby.ask("POST", "/subscriptions", form, Content_Type=kind) for _ in range(4)}
    holds(len(answers) == 1, "no answer tells whether an address is known")
    until("two more mails", lambda: mail.count() == 3)
    time.sleep(0.3)
    holds(mail.count() == 3, "one mailbox is asked three times a day at most")
    forged = confirm[:-1] + ("A" if confirm[-1] != "A" else "B")
    holds(hereby.ask("POST", forged)[0] == 404, "a forged link confirms nothing")


def leave(hereby, mail):
    incident = hereby.json("declare", "db1 does not answer", "--severity", "2")
    holds(incident["receipts"][0]["subject"]["id"] == "INC-1", incident)
    hereby.run("update", "1", "Payments fail. We are on it.", "--to", "public")
    shown = hereby.json("notice", "preview", "1")
    holds(shown["mail"] == 1 and shown["sent_as"] is None, shown)
    seen = mail.count()
    hereby.run("notice", "send", "1")
    notice = hereby.delivered("ntc-1")
    holds((notice["done"], notice["failed"], notice["unknown"]) == (1, 0, 0), notice)
    told = mail.accepted()[seen]
    holds("Payments fail. We are on it." in told["text"], told)
    holds(told["one_click"] == "List-Unsubscribe=One-Click", told)
    holds(told["auto"] == "auto-generated", told)
    path = told["unsubscribe"].strip("<>").removeprefix("https://status.example.org")
    keys = len(list((hereby.data / "keystore").glob("*.erased")))
    holds(hereby.ask("GET", path)[0] == 200, "there is a page")
    holds(hereby.json("subscribers")["total"] == 1, "looking leaves nothing")
    kind = "application/x-www-form-urlencoded"
    status, _ = hereby.ask("POST", path, "List-Unsubscribe=One-Click", Content_Type=kind)
    holds(status == 200 and hereby.json("subscribers")["total"] == 0, "one click leaves")
    erased = len(list((hereby.data / "keystore").glob("*.erased")))
    holds(erased == keys + 1, "and erases the key of the address")


def tell_all(hereby, mail):
    """The mail server dies and comes back, then hereby does; every outcome is known or said not to
    be."""
    begun = time.monotonic()
    hereby.add(f"person-{number}@example.org" for number in range(PEOPLE))
    print(f"{PEOPLE} subscribers were added in {time.monotonic() - begun:.0f} s")
    holds(hereby.json("subscribers")["total"] == PEOPLE, "all are there")
    seen = mail.count()
    done = hereby.json("update", "1", "It is the disk.", "--to", "public", "--notify")
    holds(done is not None, "an update is sent with --notify")
    until("the first quarter", lambda: mail.count() - seen > PEOPLE // 4)
    mail.kill()
    time.sleep(1)
    mail.start()
    until("more than half", lambda: mail.count() - seen > PEOPLE * 6 // 10)
    hereby.kill()
    at_kill = mail.count() - seen
    hereby.start()
    notice = hereby.delivered("ntc-3", 90)
    taken = [it["id"] for it in mail.accepted()[seen:]]
    report = {it["n"]: it for it in hereby.outcomes(notice)}
    holds(len(report) == PEOPLE, "each has an outcome")
    counts = {is_: sum(it["is"] == is_ for it in report.values()) for is_ in ["done", "failed", "unknown"]}
    for is_, count in counts.items():
        holds(notice[is_] == count, f"{is_}: {notice} {counts}")
    holds(sum(counts.values()) == PEOPLE, f"the outcomes add up: {counts}")
    holds(len(set(taken)) == len(taken), "nobody got it twice")
    number = {it: int(it.strip("<>").split("@")[0].rsplit(".", 1)[1]) for it in taken}
    got = set(number.values())
    for n, outcome in report.items():
        if outcome["is"] == "done":
            holds(n in got, f"{n} is done, and the server has it")
        if outcome["is"] == "failed":
            holds(n not in got, f"{n} has failed, and the server has it not")
    holds(0 < counts["unknown"] <= 2 * 8, f"only what was on its way is unknown: {counts}")
    holds(counts["failed"] == 0, f"what was not begun went on: {counts}")
    print(
        f"{PEOPLE} subscribers: {counts}; the server had {at_kill} when hereby was killed,"
        f" {len(taken)} in the end"
    )
    hereby.run("notice", "retry", "ntc-3", "--unknown", "-m", "they may read it twice")
    again = hereby.delivered("ntc-3")
    holds((again["done"], again["unknown"], again["round"]) == (PEOPLE, 0, 2), again)


def tell_the_difficult(hereby, mail):
    """Put off, refused, silent."""
    hereby.add(["later-1@example.org", "refused-1@example.org", "silent-1@example.org"])
    addresses = hereby.json("subscribers", "--addresses")["items"]
    holds(len(addresses) == 3, "an admin sees addresses")
    seen = mail.count()
    hereby.run("update", "1", "Still on it.", "--to", "public")
    hereby.run("notice", "send", "1")
    notice = hereby.delivered("ntc-2")
    outcomes = [it for it in hereby.outcomes(notice) if it["is"] != "done"]
    why = sorted((it["is"], it["why"]) for it in outcomes)
    holds(why == [("failed", "smtp_550"), ("unknown", "no_answer")], why)
    got = [it["to"] for it in mail.accepted()[seen:]]
    holds(sorted(got) == ["later-1@example.org", "silent-1@example.org"], "each got it once")
    for item in addresses:
        hereby.run("subscriber", "remove", item["subscriber"])


def tell_nobody(hereby, mail):
    mail.kill()
    hereby.run("update", "1", "Nobody hears this.", "--to", "public", "--notify")
    notice = hereby.delivered("ntc-4", 90)
    holds(notice["failed"] == PEOPLE and notice["unknown"] == 0, notice)
    reasons = hereby.json("notice", "show", "ntc-4")["reasons"]
    holds(reasons == {"failed: server_unreachable": PEOPLE}, reasons)


def main():
    place = Path(tempfile.mkdtemp(dir=Path(HEREBY).resolve().parent))
    begun = time.monotonic()
    mail = MailServer(place)
    hereby = Hereby(place, mail.port)
    try:
        for chapter in [opt_in, leave, tell_the_difficult, tell_all, tell_nobody]:
            chapter(hereby, mail)
            print(f"{chapter.__name__}: as it should be, {time.monotonic() - begun:.0f} s")
        hereby.stop()
        said = hereby.run("verify")
        print(said.strip().splitlines()[-1])
    except BaseException:
        for log in ["mail.log", "log"]:
            sys.stderr.write((place / log).read_text()[-4_000:])
        raise
    finally:
        for process in [mail.process, hereby.process]:
            process.kill()
            process.wait()
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
