# Die Worte der Statusseite.
page-title = Status von { $name }
skip = Zum Inhalt springen
languages = Sprachen
home = Status
history = Verlauf
history-title = Was geschehen ist
history-intro = Alle Störungen, von denen wir berichtet haben, Monat für Monat.
history-none = Wir haben noch von keiner Störung berichtet.
month-title = Störungen im Monat { $month }
month-none = In diesem Monat haben wir von keiner Störung berichtet.
valid-until = Gültig bis { $time }. Ist es jetzt später, so ist diese Seite veraltet: Etwas hindert uns daran, sie zu erneuern.
settled-until = Diese Seite handelt von etwas, das vorbei ist. Sie wird spätestens bis { $time } erneuert.
stale = Diese Seite ist veraltet. Sie galt bis { $time }. Ob sich seither etwas geändert hat, wissen wir nicht.
made-at = Erstellt um { $time }
all-well = Soweit wir wissen, funktioniert alles
all-well-note = Von keinem Teil ist bekannt, dass etwas nicht stimmt.
state-unknown = Hier sind noch keine Teile aufgeführt
state-unknown-note = Deshalb lässt sich nicht sagen, wie es um sie steht.
state-minor = Manches ist langsamer oder leistet weniger als sonst
state-major = Manches ist gestört
state-critical = Vieles ist ausgefallen
state-maintenance = Angekündigte Arbeiten sind im Gang
open-incidents = Was gerade geschieht
components = Wie es steht
components-none = Noch sind keine Teile aufgeführt.
uptime-known = { $percent } % der gemessenen Zeit ohne Ausfall
uptime-none = Noch nicht gemessen
uptime-short = Seit weniger als einem Tag gemessen
uptime-unknown =
    { $days ->
        [one] 1 Tag nicht gemessen
       *[other] { $days } Tage nicht gemessen
    }
bars-label = { $component }, die letzten 90 Tage: { $summary }
bars-from = vor 90 Tagen
bars-to = heute
bars-days = Tag für Tag
bar-day = { $day }: { $what }
minutes-major = { $minutes } Min. Ausfall
minutes-partial = { $minutes } Min. teilweiser Ausfall
minutes-degraded = { $minutes } Min. langsamer als sonst
minutes-maintained = { $minutes } Min. angekündigte Arbeiten
minutes-unknown = { $minutes } Min. nicht gemessen
legend = Legende
legend-well = kein Ausfall
legend-degraded = langsamer
legend-partial = teilweiser Ausfall
legend-major = Ausfall
legend-maintained = angekündigte Arbeiten
legend-unknown = nicht gemessen
planned = Angekündigte Arbeiten
planned-when = { $from } bis { $to }
recent = Die letzten Tage
recent-none = Wir haben von nichts berichtet.
recent-unknown = Nicht gemessen: Wir wissen nicht, ob alles funktioniert hat.
recent-partly-unknown = Wir haben von nichts berichtet. { $minutes } Minuten dieses Tages wurden nicht gemessen.
unnamed-incident = Störung
said-resolved = Diese Störung ist behoben.
said-reopened = Diese Störung war doch nicht vorbei. Wir kümmern uns wieder darum.
said-started = Die angekündigten Arbeiten haben begonnen.
said-completed = Die angekündigten Arbeiten sind abgeschlossen.
said-called-off = Die angekündigten Arbeiten wurden abgesagt.
left-out =
    { $count ->
        [one] Eine ältere Meldung ist ausgelassen.
       *[other] { $count } ältere Meldungen sind ausgelassen.
    }
affects = Betrifft
status-investigating = Wird untersucht
status-identified = Ursache bekannt
status-monitoring = Wird beobachtet
status-resolved = Behoben
phase-scheduled = Geplant
phase-in_progress = Im Gang
phase-completed = Abgeschlossen
impact-none = Nicht spürbar
impact-minor = Gering
impact-major = Erheblich
impact-critical = Schwer
component-operational = Funktioniert
component-degraded_performance = Langsamer als sonst
component-partial_outage = Teilweiser Ausfall
component-major_outage = Ausfall
component-under_maintenance = Angekündigte Arbeiten
since = Seit { $time }
resolved-at = Behoben um { $time }
back = Zurück zum Status
earlier = Früher
later = Später
feeds = Folgen
signed = Signierte Liste der Dateien
not-found = Diese Seite gibt es hier nicht
feed-title = Status von { $name }
feed-maintenance = Angekündigte Arbeiten: { $headline }
