"""A mail server that keeps what it has accepted, by Message-ID, before it says so.

mail_server.py PORT FILE. Whom a mail goes to says what becomes of it: later-… is put off the first
time (451), refused-… is refused (550), silent-… is accepted and the connection cut before the
answer. Each accepted mail is a line of JSON in FILE.
"""

import json
import sys
import threading
from email import policy
from email.parser import BytesHeaderParser, BytesParser

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP


class Keeper:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1)
        self.put_off = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused-"):
            return "550 nobody here"
        if address.startswith("later-") and address not in self.put_off:
            self.put_off.add(address)
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        [to] = envelope.rcpt_tos
        # Of a crowd only the head is looked at: ten thousand whole mails take a minute to read.
        parse = BytesHeaderParser if to.startswith("person-") else BytesParser
        mail = parse(policy=policy.default).parsebytes(envelope.content)
        body = mail.get_body(("plain",)) if parse is BytesParser else None
        kept = {
            "to": to,
            "id": mail["Message-ID"],
            "unsubscribe": mail["List-Unsubscribe"],
            "one_click": mail["List-Unsubscribe-Post"],
            "auto": mail["Auto-Submitted"],
            "language": mail["Content-Language"],
            "text": body.get_content() if body else None,
        }
        self.file.write(json.dumps(kept) + "\n")
        if to.startswith("silent-"):
            server.transport.abort()
        return "250 taken"


class Patient(Controller):
    def factory(self):
        return SMTP(self.handler, command_call_limit=100_000)


server = Patient(Keeper(sys.argv[2]), hostname="127.0.0.1", port=int(sys.argv[1]))
server.start()
print("ready", flush=True)
threading.Event().wait()
