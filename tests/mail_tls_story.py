"""Mail over TLS, by a real server that wants a name and a password: what is handed in arrives, and
nothing goes out in the clear.

mail_tls_story.py HEREBY. Exits with an error at the first thing that is not as it should be.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import subscribers_story as story
from subscribers_story import holds

PASSWORD = "sample-mail-password"


def certificates(place):
    """An authority, and a certificate of its for this machine."""

    def openssl(*line):
        subprocess.run(["openssl", *line], cwd=place, check=True, capture_output=True)

    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for name in ["ca", "other"]:
        openssl(*new, "-x509", "-days", "2", "-subj", f"/CN=sample {name}", "-keyout",
                f"{name}.key", "-out", f"{name}.pem")
    openssl(*new, "-subj", "/CN=sample server", "-keyout", "server.key", "-out", "server.csr")
    (place / "names").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
            "-CAcreateserial", "-extfile", "names", "-out", "server.pem")


class MailServer(story.MailServer):
    def __init__(self, place, mode):
        self.mode = mode
        self.place = place
        super().__init__(place)

    def start(self):
        line = [sys.executable, story.HERE / "mail_server.py", str(self.port), self.file, self.mode]
        line += [self.place / "server.pem", self.place / "server.key", PASSWORD]
        self.begin(line)


class Hereby(story.Hereby):
    def __init__(self, place, port, encryption, ca="ca", password=PASSWORD):
        self.secret = place / "password"
        self.secret.write_text(password + "\n")
        self.secret.chmod(0o600)
        self.lines = {
            'encryption = "none"': f'encryption = "{encryption}"\nuser = "hereby"\n'
            f'password_file = "{self.secret}"\nca_file = "{place}/{ca}.pem"'
        }
        super().__init__(place, port)

    def start(self):
        config = self.data / "hereby.toml"
        text = config.read_text()
        for old, new in self.lines.items():
            text = text.replace(old, new)
        config.write_text(text)
        super().start()


def tell_one(server_mode, encryption, **more):
    """One subscriber is told by such a hereby through such a server: the notice, what the server has,
    and the log."""
    place = Path(tempfile.mkdtemp(dir=Path(story.HEREBY).resolve().parent))
    certificates(place)
    mail = MailServer(place, server_mode)
    hereby = Hereby(place, mail.port, encryption, **more)
    try:
        hereby.add(["sam@example.org"])
        hereby.run("declare", "db1 does not answer", "--severity", "2")
        hereby.run("update", "1", "Payments fail.", "--to", "public", "--notify")
        notice = hereby.delivered("ntc-1", 90)
        reasons = hereby.json("notice", "show", "ntc-1")["reasons"]
        hereby.stop()
        log = (place / "log").read_text()
        holds(PASSWORD not in log, "the password is in no log")
        return notice, reasons, mail.accepted(), log
    finally:
        for process in [mail.process, hereby.process]:
            process.kill()
            process.wait()
        shutil.rmtree(place)


def tell_three_from_a_refused_sender():
    """The server takes nothing from hereby's address; somebody puts that right, and everybody is told."""
    place = Path(tempfile.mkdtemp(dir=Path(story.HEREBY).resolve().parent))
    mail = story.MailServer(place)
    closed = Path(f"{mail.file}.closed")
    hereby = story.Hereby(place, mail.port)
    log = place / "log"
    try:
        hereby.add(["sam@example.org", "kim@example.org", "refused-1@example.org"])
        hereby.run("declare", "db1 does not answer", "--severity", "2")
        closed.touch()
        hereby.run("update", "1", "Payments fail.", "--to", "public", "--notify")
        why = "it takes no mail from status@example.org"
        story.until("the log says what is wrong", lambda: why in log.read_text())
        notice = hereby.notice("ntc-1")
        holds((notice["running"], notice["failed"]) == (True, 0), notice)
        closed.unlink()
        notice = hereby.delivered("ntc-1")
        outcome = (notice["done"], notice["failed"], notice["unknown"])
        holds(outcome == (2, 1, 0), f"only who was refused was not told: {notice}")
        holds(len(mail.accepted()) == 2, mail.accepted())
        hereby.stop()
    finally:
        for process in [mail.process, hereby.process]:
            process.kill()
            process.wait()
        shutil.rmtree(place)
    print("a refused sender: nobody's delivery pays for it")


def main():
    tell_three_from_a_refused_sender()
    for server_mode, encryption in [("starttls", "starttls"), ("tls", "tls")]:
        notice, reasons, accepted, _ = tell_one(server_mode, encryption)
        holds(notice["done"] == 1, f"{encryption}: {notice} {reasons}")
        [mail] = accepted
        holds(mail["to"] == "sam@example.org" and mail["as"] == "hereby", mail)
        holds(mail["encrypted"], f"{encryption}: it went out encrypted")
        print(f"{encryption}, with a password: it arrives")
    for name, server_mode, encryption, more in [
        ("a server without STARTTLS", "plain", "starttls", {}),
        ("another authority's certificate", "starttls", "starttls", {"ca": "other"}),
        ("another authority's certificate, TLS from the start", "tls", "tls", {"ca": "other"}),
        ("a wrong password", "starttls", "starttls", {"password": "wrong"}),
    ]:
        notice, reasons, accepted, log = tell_one(server_mode, encryption, **more)
        outcome = (notice["done"], notice["failed"], notice["unknown"])
        holds(outcome == (0, 1, 0), f"{name}: {notice} {reasons}")
        holds(accepted == [], f"{name}: nothing was handed in: {accepted}")
        holds("no mail goes out by 127.0.0.1" in log, f"{name}: the log says what is wrong: {log}")
        why = log.split("no mail goes out by ")[1].splitlines()[0]
        print(f"{name}: nothing goes out, {reasons}, {why}")


if __name__ == "__main__":
    main()
