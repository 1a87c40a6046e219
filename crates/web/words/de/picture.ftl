# Das Bild der Zahlen.
pic-title =
    { $n ->
        [one] { $n } Vorfall
       *[other] { $n } Vorfälle
    }
pic-title-drills =
    { $n ->
        [one] { $n } Übung
       *[other] { $n } Übungen
    }
pic-of = bei { $service }
pic-severity = Schwere { $severity }
pic-until = ausgerufen bis { $to }
pic-from-to = ausgerufen von { $from } bis { $to }
pic-before = ausgerufen vor { $to }
pic-open = { $n } offen
pic-drills-left = { $n } Übungen weggelassen
pic-duplicates-left = { $n } Doppelte weggelassen
pic-noticed = intern bemerkt: mindestens { $n } von { $all }
pic-heading = Wie lange es dauerte: { $title }
pic-one = ein Vorfall
pic-still-open = noch offen
pic-ecdf = Anteil bis dahin (ECDF)
pic-km = mit offenen (Kaplan-Meier)
pic-median-interval = Median, 95-%-Intervall
pic-foot-median = Median: Hyndman und Fan 7, Intervall durch Bootstrap ab { $n }; wo welche offen sind, Kaplan-Meier mit Log-log-Intervall.
pic-foot-means = Mittelwerte von Dauern führen irre, also fehlen sie. Wem ein Zeitpunkt fehlt, der steht in keiner Kurve und zählt nie als null.
pic-phase-detect = Bis bemerkt
pic-phase-declare = Bis ausgerufen
pic-phase-acknowledge = Bis angenommen
pic-phase-diagnose = Bis geklärt
pic-phase-mitigate = Bis gelindert
pic-phase-repair = Bis behoben
pic-count-open = { $n } noch offen
pic-count-missing = { $n } ohne Zeitpunkt
pic-count-contradictory = { $n } widersprüchlich
pic-no-median = kein Median
pic-median-not-reached = Median nicht erreicht: zu viele sind offen
pic-median = Median { $median }
pic-interval = 95 %: { $low } bis { $high }
pic-interval-above = 95 %: { $low } oder mehr
pic-interval-none = zu wenige für ein Intervall
pic-nothing = nichts zu zeigen
pic-nothing-missing = nichts zu zeigen: { $from } oder { $to } fehlt
pic-is-open-for = { $id } ist offen, seit { $length }
pic-took = { $id } dauerte { $length }
pic-stamp-impact-start = Beginn der Auswirkung
pic-stamp-detected = bemerkt
pic-stamp-declared = ausgerufen
pic-stamp-acknowledged = angenommen
pic-stamp-diagnosed = geklärt
pic-stamp-mitigated = gelindert
pic-stamp-resolved = behoben
