# The console's pages. Keys are in order of where they stand; every language has every key.

## Around every page
skip = Zum Inhalt
nav = Hauptmenü
nav-incidents = Vorfälle
nav-alerts = Alarme
nav-fleet = Edges
nav-containment = Eindämmung
nav-followups = Folgeaufgaben
nav-services = Dienste
nav-public = Öffentlich
nav-people = Personen
nav-prepared = Runbooks
nav-numbers = Zahlen
nav-record = Register
sign-out = Abmelden
language = Sprache
live = Folgt dem Geschehen.
live-lost = Nicht verbunden: Diese Seite kann veraltet sein.
live-out = Die Sitzung ist beendet. Was hier geschrieben steht, bleibt: in einem anderen Tab neu anmelden, zurückkommen und absenden.
corrected-act = Was damit berichtigt wird
cost = Kosten
on-this-page = Auf dieser Seite
watch = Diese Seite von selbst neu laden
watching = Lädt alle 15 Sekunden neu.
times-utc = Alle Zeiten in UTC.
receipt = Quittung
done = Erledigt. Es ist Eintrag { $index } im Register.
back = Zurück
keep = Speichern
show = Anzeigen
older = Ältere
newer = Neuere
previous = Vorheriger
next = Nächster
optional = (optional)
unknown = unbekannt
yes = ja
no = nein
sealed = (versiegelt)
sealed-title = (versiegelt: der Vorfall ist vertraulich)
because = Grund:
all-of-it = Alles zeigen
nobody = niemand
rows-more = { $n ->
    [one] Eine weitere Zeile ist hier nicht gezeigt.
   *[other] { $n } weitere Zeilen sind hier nicht gezeigt.
 }

## Times
ago = vor { $length }
ahead = in { $length }
seconds = { $n } s
minutes = { $n } min
hours = { $n } h
days = { $n } d

## Signing in
sign-in = Anmelden
sign-in-title = Bei hereby anmelden
sign-in-how = Den Link erzeugt jemand auf der Maschine, auf der hereby läuft. Er gilt einmal und zehn Minuten lang.
sign-in-you = EIGENER-NAME
sign-in-code = Code oder der ganze Link
sign-in-hint = Mit JavaScript meldet der Link von selbst an. Ohne JavaScript: hier einfügen.
sign-in-no-code = Das ist kein Code. Er beginnt mit hbl_ und steht im Link hinter dem #.
sign-in-used = Dieser Link ist verbraucht oder abgelaufen. Es braucht einen neuen.
sign-in-provider = Mit { $name } anmelden
sign-in-link = Oder mit einem Link
sign-in-provider-silent = Der Identitätsanbieter antwortet nicht. Ein Link geht ohne ihn: Fragen Sie jemanden auf der Maschine, auf der hereby läuft.
sign-in-provider-refused = Der Identitätsanbieter hat Sie nicht eingelassen. Nichts ist geschehen.
sign-in-provider-wrong = Was vom Identitätsanbieter zurückkam, gehört zu keiner Anmeldung dieses Browsers oder kam zu spät. Bitte von vorn.
sign-in-provider-nameless = Der Identitätsanbieter kennt Sie, aber hereby hat niemanden dieses Namens. Ein Admin fügt Sie hinzu: hereby person add.

## What went wrong
problem-not-found = Das gibt es nicht
problem-forbidden = Das ist nicht erlaubt
problem-unauthorized = Zuerst anmelden
problem-bad-request = Die Anfrage ist fehlerhaft
problem-overloaded = Gerade wird mehr verlangt, als möglich ist
problem-unknown = Ob das geschehen ist, lässt sich nicht sagen
problem-too-large = Das ist zu groß
problem-wrong-state = Im jetzigen Zustand nicht möglich
problem-out-of-range = Etwas liegt außerhalb des Erlaubten
problem-too-many = Mehr gehen nicht
problem-role-conflict = Zwei Rollen, die einander ausschließen
problem-no-space = Der Datenträger ist voll: Nichts wird mehr festgehalten
problem-keystore = Die Schlüssel versiegelter Texte sind nicht zugänglich
problem-stopping = hereby hält gerade an
problem-internal = In hereby ist etwas kaputt
to-incidents = Zu den Vorfällen

## Incidents
open-incidents = Offene Vorfälle
all-incidents = Alle Vorfälle
nothing-open = Nichts ist offen.
nothing-open-hint = Ruhe ist gut. Wer etwas Falsches sieht, erklärt es zum Vorfall: besser zu oft als zu spät.
drill = Übung
private = Vertraulich
unacknowledged = von niemandem bestätigt
no-commander = keine Leitung
declare-title = Vorfall erklären
declare-what = Was ist los?
declare-button = Hiermit erkläre ich dies zum Vorfall
declare-more = Mit mehr Angaben: Dienst, vertraulich, Übung…
waiting-title = Wartet
alerts-firing = { $n ->
    [one] Ein Alarm ist aktiv
   *[other] { $n } Alarme sind aktiv
 }
requests-waiting = { $n ->
    [one] Ein Antrag wartet auf jemanden
   *[other] { $n } Anträge warten auf jemanden
 }
followups-overdue = { $n ->
    [one] Eine Folgeaufgabe ist überfällig
   *[other] { $n } Folgeaufgaben sind überfällig
 }

## The room of an incident
declared = Erklärt
status = Status
redacted = Was in diesem Vorfall versiegelt war, wurde gelöscht.
acknowledge-button = Ich kümmere mich
acknowledge-hint = Noch von niemandem bestätigt; bis dahin wird weiter erinnert.
say-title = Etwas sagen
say-label = Was ist geschehen, was ist bekannt?
say-note = Notieren
say-insiders = Intern melden
say-public = Öffentlich melden…
say-decide = Entscheiden…
say-file = Datei anhängen…
timeline = Verlauf
acts-count = { $n ->
    [one] ein Eintrag
   *[other] { $n } Einträge
 }
to-newest = Zu den neuesten Einträgen
roles = Wer macht was
take-role = Ich übernehme
assign = Zuweisen…
accept = Ich übernehme
hand-over = Übergeben…
also-here = Auch dabei
join = Ich mache mit
word-title = Was gemeldet wurde
told-nothing = noch nichts
next-due = nächste Meldung fällig
set-clock = Takt…
tasks = Aufgaben
new-task = Neue Aufgabe
close-task = Erledigt…
work-unread = Dieser Vorfall ist geschlossen und lang: Aufgaben, Fragen und Dateien stehen im Review und im Register.
questions = Fragen
ask = Fragen…
answer = Antworten…
checklists = Checklisten
tick = Erledigt
alerts = Alarme
no-alerts = Kein Alarm gehört dazu.
firing = aktiv
dependencies = Was der Dienst braucht, so wie es bei der Erklärung war
dependency-seen = { $kind } { $name }: { $alerts ->
    [0] kein Alarm war aktiv
    [one] ein Alarm war aktiv
   *[other] { $alerts } Alarme waren aktiv
 }
facts = Fakten
files = Dateien
unnamed-file = Datei
afterwards = Danach
due = fällig
meeting = Besprechung am
review = Review
everything-else = Alles Weitere
badge-proven = Im Register und veröffentlicht
badge-pending = Im Register; die Veröffentlichung folgt
badge-about = Jede Zeile dieser Seite ist ein Eintrag in einem Register, in dem nur angehängt wird. Ein veröffentlichter Eintrag lässt sich weder ändern noch entfernen, ohne dass alle, die prüfen, es sehen.
badge-newest = Neuester Eintrag hier
badge-size = Veröffentlichte Einträge
badge-check = Selbst prüfen, ohne diese Seite:
witness-covers = Zeuge { $name } hat { $size } Einträge mitsigniert, darunter diese.
witness-behind = Zeuge { $name } hat { $size } Einträge mitsigniert, diese noch nicht.
audited = Geprüft { $ago }: { $entries } Einträge nachgelesen, nichts falsch.
audited-violations = Geprüft { $ago }: { $violations } Verstöße. Näheres in /metrics und im Log.
not-audited = Die Prüfung ist noch nicht am Ende des Registers angekommen.

## Acts and the record
record = Register
record-size = Einträge
record-root = Wurzel
record-key = Schlüssel
record-about = Alles, was getan wurde, der Reihe nach. Nichts wird je geändert; was falsch ist, berichtigt ein späterer Eintrag.
acts-hidden = { $n ->
    [one] Ein Eintrag ist hier nicht einsehbar.
   *[other] { $n } Einträge sind hier nicht einsehbar.
 }
act-title = Eintrag { $index }
act-says = Was er sagt
act-kind = Art
act-at = Wann
act-claimed = Zeit des Absenders
act-who = Wer
act-subject = Betrifft
act-cause = Wegen
act-id = Id
act-json = Als Daten
act-entry = Der Eintrag, Byte für Byte
act-proof = Nachweis
act-proven = Im Register, unter { $n } Einträgen
act-pending = Im Register; der Checkpoint, der es nachweist, folgt gleich.
act-proof-about = Diese Hashes führen von diesem Eintrag zur Wurzel im signierten Checkpoint. Mit der Datei und dem öffentlichen Schlüssel des Registers lässt sich das noch in Jahren prüfen, ohne hereby.
act-leaf = Blatt
act-hashes = { $n ->
    [one] ein Hash
   *[other] { $n } Hashes
 }
act-checkpoint = Der signierte Checkpoint
act-download = Nachweis herunterladen
actor-uid = Benutzer { $uid } dieser Maschine
claimed-by = (laut Benutzer { $uid })
actor-behalf = { $person } (Benutzer { $uid } dieser Maschine)
proof-own = hereby selbst
proof-local = von dieser Maschine, laut Kernel
proof-token = mit Token { $name }
proof-session = im Browser, Sitzung { $name }
proof-key = signiert mit Schlüssel { $name }
subject-record = das Register
subject-alert = Alarm
subject-silence = Stummschaltung
subject-maintenance = Wartung
subject-heartbeat = Heartbeat
subject-token = Token
subject-client = Client
subject-certificate = Zertifikat
subject-route = Route
subject-switch = Schalter
subject-cell = Zelle
subject-edge = Edge
subject-deployment = Ausbringung
subject-fleet = alle Edges
subject-component = Komponente
subject-page = die Statusseite
subject-login = Link
subject-session = Sitzung
subject-key = Schlüssel
subject-person = Person
subject-team = Team
subject-request = Antrag
subject-runbook = Runbook
subject-template = Vorlage
subject-service = Dienst

## Review
review-of = Review zu { $incident }
review-open = Dieser Vorfall ist noch offen: Was hier steht, ändert sich noch.
review-publish = Veröffentlichen
review-publish-button = Dieses Review veröffentlichen
review-clean = Nichts ist nachzubessern.
review-published = Veröffentlicht
review-private = Was in einem vertraulichen Vorfall geschrieben wurde, ist versiegelt. Im Terminal sagt hereby review --publish, was es braucht.
review-preview = So, wie es gelesen wird
review-alone = Allein öffnen
evidence = Beleg
replace = Ersetzen…
add-finding = Befund hinzufügen…

## Numbers
numbers = Zahlen
numbers-about = { $n ->
    [one] Ein Vorfall,
   *[other] { $n } Vorfälle,
 }
numbers-open = { $n ->
    [0] davon keiner offen.
    [one] davon einer offen.
   *[other] davon { $n } offen.
 }
numbers-alt = Jeder Vorfall als Punkt für jede Phase, und wie sie verteilt sind. Die Tabelle darunter enthält die Zahlen.
numbers-caption = Mittelwerte von Dauern führen in die Irre, darum ist jeder Vorfall ein Punkt. Was fehlt, fehlt und zählt nie als null.
all-phases = alle
only-drills = nur Übungen
too-few = zu wenige für eine Aussage

## Settings
settings = Einstellungen
settings-look = Sprache und Aussehen
settings-theme = Hell oder dunkel
theme-system = wie das System
theme-light = hell
theme-dark = dunkel
settings-you = Eigenes
settings-session = Sitzung
settings-expires = Endet spätestens
settings-idle = Endet ohne Nutzung nach
settings-permissions = Erlaubt
settings-ungoverned = alles: Noch hat niemand eine Berechtigung bekommen
settings-none = ansehen, was niemandem gehört und woran man beteiligt ist
settings-strong = Ein Cookie kann gestohlen werden. Was jemanden einlässt oder nicht rückgängig zu machen ist, geschieht darum im Terminal, mit einem Schlüssel: hereby key --help
settings-hereby = Dieses hereby
settings-version = Version
settings-started = Läuft seit
settings-disk = Frei auf der Platte

## Lists
list-services = Dienste
list-services-about = Was genutzt wird, was es braucht und wer sich darum kümmert.
list-services-empty = Noch ist kein Dienst bekannt.
list-teams = Teams
list-teams-about = Wer sich worum kümmert.
list-teams-empty = Noch ist kein Team bekannt.
list-people = Personen
list-people-about = Wer bekannt ist und wer was verlangen darf.
list-people-empty = Noch ist niemand bekannt.
list-requests = Anträge
list-requests-about = Was nicht rückgängig zu machen ist, wartet hier auf eine zweite Person.
list-requests-empty = Nichts wartet.
list-alerts = Alarme
list-alerts-about = Was aktiv ist, und was in den letzten 24 Stunden endete.
list-alerts-empty = Kein Alarm ist aktiv.
list-silences = Stummschaltungen
list-silences-about = Alarme, die eine Zeit lang keinen Vorfall erklären.
list-silences-empty = Nichts ist stummgeschaltet.
list-maintenances = Wartung
list-maintenances-about = Geplante Arbeiten.
list-maintenances-empty = Keine Arbeiten sind geplant.
list-heartbeats = Heartbeats
list-heartbeats-about = Lebenszeichen, die nicht ausbleiben dürfen.
list-heartbeats-empty = Kein Lebenszeichen wird erwartet.
list-bans = Sperren
list-bans-about = Wer an keiner Edge eine Antwort erhält.
list-bans-empty = Niemand ist gesperrt.
list-revocations = Widerrufene Zertifikate
list-revocations-about = Was niemanden mehr hereinlässt, für immer.
list-revocations-empty = Kein Zertifikat ist widerrufen.
list-failovers = Failover
list-failovers-about = Routen, auf denen eine andere Stufe antwortet als geplant.
list-failovers-empty = Jede Route läuft nach Plan.
list-switches = Schalter
list-switches-about = Was abgeschaltet ist: Funktionen, Limits, Routen, Mandanten.
list-switches-empty = Nichts ist abgeschaltet.
list-postures = Arbeitsweisen
list-postures-about = Dienste, die nicht wie gewohnt arbeiten.
list-postures-empty = Jeder Dienst arbeitet wie gewohnt.
list-runbooks = Runbooks
list-runbooks-about = Was zu tun ist, Schritt für Schritt.
list-runbooks-empty = Noch gibt es kein Runbook.
list-templates = Vorlagen
list-templates-about = Womit Vorfälle beginnen.
list-templates-empty = Noch gibt es keine Vorlage.
list-followups = Folgeaufgaben
list-followups-about = Was nach Vorfällen noch zu tun ist; zuerst, was zuerst fällig ist.
list-followups-empty = Nichts ist zu tun.
list-components = Komponenten
list-components-about = Was auf der Statusseite steht und wie es darum stehen soll.
list-components-empty = Auf der Statusseite steht noch nichts.
list-targets = Veröffentlicht an
list-targets-about = Wo Leser die Statusseite finden und wie alt sie dort ist.
list-targets-empty = Die Seite ist noch nirgends veröffentlicht.
list-notices = Mitteilungen
list-notices-about = Was Abonnenten mitgeteilt wurde und was aus jeder Zustellung wurde.
list-notices-empty = Es wurde noch niemandem etwas mitgeteilt.
list-tokens = Tokens
list-tokens-about = Programme und Personen, die mit einem Token hereinkommen.
list-tokens-empty = Es gibt kein Token.
list-keys = Schlüssel
list-keys-about = Schlüssel, die für Personen signieren.
list-keys-empty = Es gibt keinen Schlüssel.
list-sessions = Sitzungen
list-sessions-about = Wer angemeldet ist.
list-sessions-empty = Niemand ist angemeldet.
column-do = Was möglich ist
column-service = Dienst
column-tier = Stufe
column-owner = Verantwortlich
column-about = Worum es geht
column-dependencies = Braucht
column-team = Team
column-person = Person
column-full-name = Name
column-places = Erreichbar über
column-permissions = Berechtigungen
column-request = Antrag
column-command = Verlangt
column-by = Von
column-approvals = Nötige Zustimmungen
column-approved = Zugestimmt haben
column-due-at = Fällig
column-expires-at = Läuft ab
column-text = Was
column-title = Titel
column-state = Zustand
column-source = Quelle
column-fired-at = Seit
column-ended-at = Beendet
column-incident = Vorfall
column-labels = Labels
column-silence = Stummschaltung
column-matchers = Labels
column-ends-at = Endet
column-active = Aktiv
column-maintenance = Wartung
column-starts-at = Beginnt
column-heartbeat = Heartbeat
column-interval-ms = Alle
column-grace-ms = Höchstens verspätet
column-severity = Schweregrad
column-last-at = Zuletzt
column-prefix = Adressen
column-certificate = Zertifikat
column-route = Route
column-switch = Schalter
column-posture = Arbeitsweise
column-cell = Zelle
column-why = Warum
column-runbook = Runbook
column-steps = Schritte
column-template = Vorlage
column-private = Vertraulich
column-runbooks = Runbooks
column-followup = Nr.
column-reminders = Erinnerungen
column-token = Token
column-actor = Inhaber
column-scopes = Gilt für
column-expired = Abgelaufen
column-key = Schlüssel
column-vkey = Öffentliche Hälfte
column-session = Sitzung
column-begun-at = Begonnen
column-used-at = Zuletzt genutzt
column-issuer = Verbürgt von
column-component = Komponente
column-titles = Titel
column-status = Stand
column-group = Gruppe
column-services = Dienste
column-target = Ort
column-kind = Art
column-behind = Im Rückstand
column-sequence = Ausgabe
column-seen-at = Zuletzt gesehen
column-trouble = Problem
column-notice = Mitteilung
column-at = Wann
column-done = Zugestellt
column-failed = Gescheitert
column-unknown = Unbekannt
column-open = Noch offen
column-phase = Phase
column-ongoing = Dauert an
column-missing = Fehlt
column-median = Median
column-interval = 95-%-Intervall
column-p90 = 90 % höchstens
chat = Chat
chat-asked = ein Raum entsteht
chat-closed = der Raum wird geschlossen
chat-linked = es gibt einen Raum
chat-unlinked = es gibt keinen Raum mehr

edge = Edge
fleet = Was Edges laufen lassen
fleet-current = Zuletzt ganz ausgebracht:
fleet-no-current = Noch keine Version ist ganz ausgebracht.
fleet-frozen = Eingefroren: Nichts Neues geht hinaus. Das sagt
fleet-paused = Angehalten. Das sagt
fleet-by-note = Es geht nicht von selbst weiter. Per Notfall-Notiz zurückgegangen:
fleet-one-of = eine Edge von
fleet-held = { $held } von { $time } gehalten, { $requests } von { $wanted } Anfragen
fleet-watched = { $held } von { $time } beobachtet
fleet-triggers = Zurückgenommen, wenn
fleet-measure-errors = Anfragen scheitern
fleet-measure-slower = Anfragen länger als { $ms } ms dauern
fleet-measure-refused = Anfragen abgewiesen werden { $reason }
fleet-compared = mehr als an unveränderten Edges
fleet-most = oder mehr als { $percent } %
fleet-leased = wird nicht wieder ausgebracht vor
fleet-own = Mandanten mit eigener Version
fleet-tenant = Mandant
fleet-edges = Edges
fleet-edge = Edge
fleet-none = Keine Edge ist angemeldet. Laden Sie eine ein:
fleet-standing = Stand
fleet-told = Soll
fleet-runs = Läuft
fleet-heard = Gehört
fleet-failed = Gescheitert / Anfragen
fleet-never = nie
fleet-ago = vor { $time }
fleet-more = Es gibt mehr:
fleet-is-unknown = nicht gehört
fleet-is-idle = noch nichts gesagt
fleet-is-follows = folgt
fleet-is-behind = zurück
fleet-is-refuses = lehnt ab
fleet-is-below-floor = spricht ein früheres Protokoll, als seine Zelle annimmt
fleet-is-break-glass = per Notfall-Notiz zurückgegangen
fleet-history = Was ausgebracht wurde
fleet-deployment = Ausbringung
fleet-version = Version
fleet-at = Begonnen
fleet-by = Von
fleet-why = Warum
fleet-completed = abgeschlossen
fleet-rolled-back = zurückgenommen
fleet-aborted = beendet
edge-cell = Zelle
edge-up = läuft seit
edge-unrecorded = was es ausliefert, sagt eine Datei, nicht die Aufzeichnung
edge-sheds = Es gibt mehr zu tun, als getan werden kann: { $n } von 1000 Anfragen werden abgewiesen, zuerst die der schwersten Mandanten.
edge-connections = Verbindungen
edge-in-progress = In Arbeit
edge-websockets = WebSockets
edge-answers = Antworten
edge-errors = Fehler (5xx)
edge-memory = Speicher
edge-routes = Routen
edge-route = Route
edge-tenant = Mandant
edge-posture = Zustand
edge-normal = normal
edge-degraded = eingeschränkt
edge-tiers = Stufen
edge-upstreams = Upstreams
edge-upstream = Upstream
edge-breaker = Sicherung
edge-can = erreichbar
edge-cannot = ausgefallen
edge-servers = Server
edge-failures = Ausfälle
edge-refusals = Abgewiesen, nach Grund
edge-no-refusals = Seit dem Start wurde nichts abgewiesen.
edge-reason = Grund
edge-total = Anzahl
edge-share = Anteil
edge-newest = Die neuesten
edge-request = Anfrage
edge-id = Kennung
edge-none = Auf dieser Maschine antwortet kein Edge. So wird eines gestartet, siehe auch docs/how-to/edge.md:
