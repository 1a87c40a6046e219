"""A mail server that keeps what it has accepted, by Message-ID, before it says so.

mail_server.py PORT FILE [MODE CERTIFICATE KEY PASSWORD]. MODE is `plain` (nothing is encrypted, and
nobody asked who they are), `starttls` or `tls`: then the user is `hereby` with that password. Whom a
mail goes to says what becomes of it: later-… is put off the first time (451), refused-… is refused
(550), silent-… is accepted and the connection cut before the answer. While there is a file FILE.closed,
no sender is taken (550). Each accepted mail is a line of JSON in FILE.
"""

import json
import ssl
import sys
import threading
from email import policy
from email.parser import BytesHeaderParser, BytesParser
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class Keeper:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1)
        self.closed = Path(path + ".closed")
        self.put_off = set()

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.closed.exists():
            return "550 nobody sends from there"
        envelope.mail_from = address
        return "250 OK"

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
            "as": session.auth_data.login.decode() if session.authenticated else None,
            "encrypted": session.ssl is not None or MODE == "tls",
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


def knows(server, session, envelope, mechanism, data):
    known = data.login == b"hereby" and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False, auth_data=data)


class Patient(Controller):
    def factory(self):
        how = {"command_call_limit": 100_000}
        if MODE == "starttls":
            how |= {"tls_context": CONTEXT, "require_starttls": True}
        if MODE in ("starttls", "tls"):
            # In TLS from the first byte the library does not know that it is.
            how |= {"authenticator": knows, "auth_required": True, "auth_require_tls": MODE != "tls"}
        return SMTP(self.handler, **how)


MODE, PASSWORD, CONTEXT = "plain", "", None
if len(sys.argv) > 3:
    MODE, certificate, key, PASSWORD = sys.argv[3:7]
    CONTEXT = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CONTEXT.load_cert_chain(certificate, key)
server = Patient(
    Keeper(sys.argv[2]),
    hostname="127.0.0.1",
    port=int(sys.argv[1]),
    ssl_context=CONTEXT if MODE == "tls" else None,
)
server.start()
print("ready", flush=True)
threading.Event().wait()
