# What each kind of act says, behind the name of who did it. The placeables are the fields of the
# act's body; has-FIELD is "yes" where an optional one is there.

act-incident-declared = hat den Vorfall erklärt: SEV{ $severity }{ $has-service ->
    [yes] { " " }für { $service }
   *[other] { "" }
 }{ $has-drill ->
    [yes] , eine Übung
   *[other] { "" }
 }{ $has-private ->
    [yes] , vertraulich
   *[other] { "" }
 }
act-incident-acknowledged = hat bestätigt
act-incident-assigned = hat { $person } die Rolle „{ $role }“ zugewiesen{ $has-replaces ->
    [yes] , anstelle von { $replaces }
   *[other] { "" }
 }
act-incident-handover-offered = hat { $to } gebeten, die Rolle „{ $role }“ von { $from } zu übernehmen
act-incident-relieved = hat { $person } von der Rolle „{ $role }“ entbunden
act-incident-waived = hat { $person } Leitung und Betrieb zugleich erlaubt
act-incident-time-stamped = { $has-at ->
    [yes] hat den Zeitpunkt genannt: { $stamp }, { $at }
   *[other] hat angegeben, dass niemand den Zeitpunkt kennt: { $stamp }
 }
act-incident-noted = hat notiert
act-incident-updated = hat { $audience } gemeldet
act-incident-status-changed = hat den Status geändert: { $from } → { $to }
act-incident-severity-changed = hat von SEV{ $from } auf SEV{ $to } geändert
act-incident-resolved = hat den Vorfall für behoben erklärt
act-incident-reopened = hat den Vorfall wieder geöffnet
act-incident-reminded = hat erinnert: von niemandem bestätigt (Nr. { $count })
act-incident-alert-attached = hat einen Alarm zugeordnet
act-incident-joined = meldet: { $person } ist dabei
act-incident-left = meldet: { $person } ist nicht mehr dabei
act-incident-decided = hat entschieden
act-incident-task-opened = hat Aufgabe { $task } angelegt{ $has-owner ->
    [yes] { " " }für { $owner }
   *[other] { "" }
 }
act-incident-task-assigned = hat Aufgabe { $task } an { $owner } gegeben
act-incident-task-closed = hat Aufgabe { $task } geschlossen: { $outcome }
act-incident-asked = hat Frage { $question } gestellt{ $has-person ->
    [yes] { " " }an { $person }
   *[other] { "" }
 }
act-incident-answered = hat Frage { $question } beantwortet
act-incident-contact-named = hat Kontakt { $contact } genannt
act-incident-contact-removed = hat Kontakt { $contact } entfernt
act-incident-file-attached = hat eine Datei angehängt ({ $bytes } Bytes)
act-incident-related = hat den Bezug genannt: { $relation } { $to }
act-incident-checklist-started = hat Checkliste { $checklist } begonnen: { $runbook }
act-incident-step-ticked = meldet zu Checkliste { $checklist }, Schritt { $step }: { $outcome }
act-incident-update-clock-set = { $has-every-ms ->
    [yes] hat den Takt gesetzt: { $audience } alle { $every-ms } eine Meldung
   *[other] hat den Takt beendet: { $audience }
 }
act-incident-update-overdue = hat erinnert: Meldung ({ $audience }) war fällig um { $due-at }
act-incident-corrected = hat einen Eintrag berichtigt
act-incident-caught-up = meldet: { $person } hat { $acts } Einträge gelesen
act-incident-impact-stated = hat die Auswirkungen genannt{ $has-customers ->
    [yes] : { $customers } Kunden
   *[other] { "" }
 }{ $has-data ->
    [yes] , Daten: { $data }
   *[other] { "" }
 }
act-incident-redacted = hat gelöscht, was darin versiegelt war
act-review-stated = hat für das Review festgehalten ({ $section })
act-review-withdrawn = hat einen Befund aus dem Review genommen
act-review-published = hat das Review für { $audience } veröffentlicht
act-review-meeting-scheduled = hat die Besprechung angesetzt: { $starts-at }, { $minutes } min
act-review-meeting-cancelled = hat die Besprechung abgesagt
act-followup-opened = hat Folgeaufgabe { $followup } für { $owner } angelegt, fällig { $due-at }
act-followup-changed = hat Folgeaufgabe { $followup } geändert: { $owner }, fällig { $due-at }
act-followup-closed = hat Folgeaufgabe { $followup } geschlossen: { $outcome }
act-followup-reminded = hat an Folgeaufgabe { $followup } erinnert (Nr. { $count })
act-followup-ticket-tried = öffnet gleich ein Ticket in { $tracker } für Folgeaufgabe { $followup }
act-followup-ticket-linked = hat Folgeaufgabe { $followup } mit Ticket { $ticket } in { $tracker } verknüpft
act-chat-room-asked = hat um einen Raum in { $channel } gebeten
act-chat-room-linked = sagt es ab jetzt auch in { $channel }, im Raum { $room }
act-chat-room-closed = hat den Raum in { $channel } geschlossen
act-chat-room-unlinked = hat den Raum in { $channel } verlassen
act-subscriber-confirmed = erfährt, was die Öffentlichkeit erfährt
act-subscriber-changed = erfährt ab jetzt anderes
act-subscriber-removed = erfährt nichts mehr, und die Adresse ist gelöscht
act-notice-sent = hat es als { $notice } an Abonnenten geschickt: { $mail } per E-Mail, { $webhook } per Webhook
act-notice-delivered = was aus { $notice } wurde: zugestellt { $done }, gescheitert { $failed }, unbekannt { $unknown }
act-notice-retried = hat { $count } Zustellungen von { $notice } wiederholen lassen, deren Ausgang unbekannt war
act-runbook-saved = hat das Runbook gespeichert
act-runbook-removed = hat das Runbook entfernt
act-template-saved = hat die Vorlage gespeichert
act-template-removed = hat die Vorlage entfernt
act-alert-fired = meldet einen aktiven Alarm von { $source }
act-alert-resolved = meldet das Ende des Alarms: { $ending }
act-alert-acknowledged = meldet: an der Quelle bestätigt
act-silence-created = hat Alarme stummgeschaltet bis { $ends-at }
act-silence-ended = hat die Stummschaltung beendet
act-maintenance-scheduled = hat Arbeiten an { $service } geplant, von { $starts-at } bis { $ends-at }
act-maintenance-ended = hat die Wartung beendet
act-heartbeat-expected = erwartet alle { $interval-ms } ein Lebenszeichen, höchstens { $grace-ms } verspätet
act-heartbeat-forgotten = erwartet kein Lebenszeichen mehr
act-token-issued = hat ein Token für { $actor } ausgestellt ({ $scopes }), gültig bis { $expires-at }
act-token-revoked = hat das Token widerrufen
act-key-enrolled = hat einen Schlüssel für { $person } eingetragen
act-key-revoked = hat den Schlüssel widerrufen
act-login-offered = lässt { $person } sich mit einem Link anmelden, bis { $expires-at }
act-session-begun = { $has-issuer ->
    [yes] hat { $person } angemeldet, verbürgt von { $issuer }
   *[other] hat { $person } mit einem Link angemeldet
 }
act-session-ended = hat die Sitzung beendet
act-person-registered = hat die Person bekannt gemacht oder ihre Angaben geändert
act-person-removed = hat die Person entfernt
act-person-redacted = hat die persönlichen Angaben der Person gelöscht
act-permission-granted = hat die Berechtigung „{ $permission }“ erteilt{ $has-team ->
    [yes] { " " }in { $team }
   *[other] { "" }
 }
act-permission-withdrawn = hat die Berechtigung „{ $permission }“ entzogen{ $has-team ->
    [yes] { " " }in { $team }
   *[other] { "" }
 }
act-team-registered = hat das Team bekannt gemacht
act-team-removed = hat das Team entfernt
act-service-registered = hat den Dienst bekannt gemacht oder seine Angaben geändert
act-service-removed = hat den Dienst entfernt
act-cell-defined = hat es zu einer Zelle des Rings { $ring } gemacht
act-cell-floor-set = lässt dort keine Absprache unter Protokoll { $protocol } zu
act-cell-removed = hat die Zelle entfernt
act-cell-supplied = lässt dort laufen, was überall läuft
act-edge-invited = hat sie nach { $cell } eingeladen, bis { $expires-at }
act-edge-enrolled = hat sie in { $cell } aufgenommen
act-edge-retired = sagt ihr nichts mehr
act-version-deployed = hat begonnen, eine Version von { $bytes } Bytes auszubringen, die { $changes } ändert{ $has-incident ->
    [yes] , für { $incident }
   *[other] { "" }
 }
act-deployment-advanced = hat Stufe { $stage } begonnen, von 0 an gezählt{ $has-early ->
    [yes] , bevor die vorige gehalten hatte
   *[other] { "" }
 }
act-deployment-paused = hält es an, wo es ist
act-deployment-resumed = lässt es weitergehen
act-trigger-fired = hat es zurückgenommen: { $what }
act-deployment-aborted = hat es beendet; vorher lief nichts
act-deployment-completed = hat es abgeschlossen: Alle haben es
act-version-rolled-back = lässt in { $cells } wieder eine frühere Version laufen; was lief, wird bis { $lease-ends-at } nicht wieder ausgebracht{ $has-incident ->
    [yes] , für { $incident }
   *[other] { "" }
 }
act-lease-lifted = erlaubt, eine zurückgenommene Version wieder auszubringen
act-fleet-frozen = lässt nichts Neues ausbringen
act-fleet-unfrozen = lässt wieder Versionen ausbringen
act-break-glass-key-set = hat gesagt, wessen Notfall-Notizen Edges glauben
act-break-glass-used = ging zurück, während die Steuerung fort war, per Notfall-Notiz
act-client-banned = hat { $prefix } gesperrt{ $has-ends-at ->
    [yes] { " " }bis { $ends-at }
   *[other] , bis das aufgehoben wird
 }{ $has-incident ->
    [yes] , für { $incident }
   *[other] { "" }
 }
act-certificate-used = hat gezählt, wofür es bei { $tenant } in { $cell } benutzt wurde, von { $first-at } bis { $last-at }: { $let-through } hereingelassen, { $refused } abgewiesen{ $let-through-after ->
    [0] { "" }
   *[other] ; { $let-through-after } hereingelassen, seit es widerrufen ist
 }
act-client-unbanned = hat die Sperre von { $prefix } aufgehoben
act-certificate-revoked = hat { $has-serial ->
    [yes] das Zertifikat { $serial } von { $issuer }
   *[other] das Zertifikat { $fingerprint }
 } widerrufen{ $has-incident ->
    [yes] , für { $incident }
   *[other] { "" }
 }
act-failover-overridden = lässt { $has-tier ->
    [yes] Stufe { $tier } von { $route } antworten
   *[other] { $route } nach Plan laufen
 }{ $has-cell ->
    [yes] { " " }in { $cell }
   *[other] { "" }
 } bis { $ends-at }{ $has-incident ->
    [yes] , für { $incident }
   *[other] { "" }
 }
act-switch-turned-off = hat { $switch } abgeschaltet{ $has-ends-at ->
    [yes] { " " }bis { $ends-at }
   *[other] { "" }
 }{ $has-incident ->
    [yes] , für { $incident }
   *[other] { "" }
 }
act-switch-turned-on = hat { $switch } wieder eingeschaltet
act-posture-set = lässt { $service } so arbeiten: { $posture }{ $has-ends-at ->
    [yes] { " " }bis { $ends-at }
   *[other] { "" }
 }{ $has-incident ->
    [yes] , für { $incident }
   *[other] { "" }
 }
act-component-registered = hat es auf die Statusseite gestellt oder dort anders beschrieben
act-component-removed = hat es von der Statusseite genommen
act-page-measured = hat { $minutes } von 1440 Minuten des Tages ab { $starts-at } gemessen
act-request-made = hat { $command } beantragt, der Antrag wartet
act-request-approved = hat zugestimmt
act-request-rejected = hat abgelehnt
act-request-withdrawn = hat den Antrag zurückgezogen
act-request-carried-out = meldet: ausgeführt ({ $ground })
act-request-lapsed = meldet: endgültig nicht ausgeführt ({ $reason })
act-record-opened = hat das Register { $origin } eröffnet
act-record-recovered = hat { $dropped-bytes } Bytes eines abgerissenen Endes beiseitegelegt
act-record-key-rotated = hat den Schlüssel des Registers gewechselt
act-record-root-key-set = hat gesagt, wessen Wort eine neue Epoche des Registers beginnt
act-record-succeeded = hat eine neue Epoche des Registers begonnen
act-record-anchor-accepted = hat weitergemacht, obwohl der Anker nicht passte

## Words of the record
word-commander = Leitung
word-operations = Betrieb
word-communications = Kommunikation
word-planning = Planung
word-investigating = wird untersucht
word-identified = Ursache bekannt
word-monitoring = wird beobachtet
word-resolved = behoben
word-insiders = intern
word-public = öffentlich
word-impact-start = Kunden betroffen seit
word-detected = bemerkt
word-declared = erklärt
word-acknowledged = bestätigt
word-diagnosed = diagnostiziert
word-mitigated = eingedämmt
word-done = erledigt
word-dropped = verworfen
word-skipped = ausgelassen
word-related-to = hängt zusammen mit
word-caused-by = verursacht durch
word-duplicate-of = Duplikat von
word-none = nicht betroffen
word-read = Lesezugriff
word-changed = geändert
word-lost = verloren
word-signed = signiert
word-attested = verbürgt
word-unverified-source = Quelle ungeprüft
word-reported = von der Quelle gemeldet
word-ends-at = angekündigtes Ende erreicht
word-timed-out = zu lange nichts gehört
word-firing = aktiv
word-ended = beendet
word-approved = genug andere haben zugestimmt
word-waited = die Zeit war um und niemand hat abgelehnt
word-overridden = jemand verantwortet es allein
word-expired = die Frist ist abgelaufen
word-refused = es war nicht mehr möglich
word-viewer = Lesen
word-reporter = Melden
word-responder = Mitarbeiten
word-publisher = Veröffentlichen
word-operator = Betreiben
word-admin = Admin
word-internal = Beteiligte
word-customers = Kunden
word-executive = Führungskräfte
word-team = das Team
word-organisation = die Organisation
word-everyone = alle
word-abstract = in Kürze
word-problem = was los war
word-impact = Auswirkungen
word-contributing-factor = Mitursachen
word-sooner-detection = wie es früher zu bemerken wäre
word-worked = was funktioniert hat
word-near-miss = was beinahe passiert wäre
word-learned = was daraus gelernt wurde
word-customers-what = für Kunden: was geschehen ist
word-customers-data = für Kunden: ihre Daten
word-customers-actions = für Kunden: was getan wird
word-customers-next = für Kunden: nächste Meldung
word-residual-risk = was noch geschehen kann
word-mail = E-Mail
word-phone = Telefon
word-matrix = Matrix
word-slack = Slack
word-certificate = Zertifikat
word-clock = Uhr
word-dns = DNS
word-identity = Identität
word-route = Route
word-service = Dienst
word-vendor = Anbieter
word-closed = bei Ausfall gesperrt
word-open = bei Ausfall offen
word-degraded = bei Ausfall eingeschränkt
word-normal = wie gewohnt
word-safe = nur das Nötigste
word-respond = Mitarbeiten
word-alerts = Alarme
word-witness = Zeuge
word-detect = bis bemerkt
word-declare = bis erklärt
word-acknowledge = bis bestätigt
word-diagnose = bis diagnostiziert
word-mitigate = bis eingedämmt
word-repair = bis behoben
word-operational = funktioniert
word-degraded-performance = langsamer als sonst
word-partial-outage = teilweiser Ausfall
word-major-outage = Ausfall
word-under-maintenance = angekündigte Arbeiten
word-minor = gering
word-major = erheblich
word-critical = schwer
word-serving = bedienend
word-canary = Kanarienvogel
word-routes = Routen
word-limits = Grenzen
word-bans = Sperren
word-certificates = Zertifikate
word-files = Dateien
word-station = die Arbeitsweise der Edges
word-tenants = Mandanten
word-upstreams = Upstreams
