# The picture of numbers.
pic-title =
    { $n ->
        [one] { $n } incident
       *[other] { $n } incidents
    }
pic-title-drills =
    { $n ->
        [one] { $n } drill
       *[other] { $n } drills
    }
pic-of = of { $service }
pic-severity = severity { $severity }
pic-until = declared until { $to }
pic-from-to = declared from { $from } to { $to }
pic-before = declared before { $to }
pic-open = { $n } open
pic-drills-left = { $n } drills left out
pic-duplicates-left = { $n } duplicates left out
pic-noticed = detected internally: at least { $n } of { $all }
pic-heading = How long it took: { $title }
pic-one = one incident
pic-still-open = still open
pic-ecdf = share over by then (ECDF)
pic-km = with open ones (Kaplan-Meier)
pic-median-interval = median, 95 % interval
pic-foot-median = Median: Hyndman and Fan 7, interval by bootstrap from { $n } on; where some are open, Kaplan-Meier with its log-log interval.
pic-foot-means = Means of durations mislead, so none is drawn. What lacks a stamp is not in a curve, and never counted as zero.
pic-phase-detect = To detect
pic-phase-declare = To declare
pic-phase-acknowledge = To acknowledge
pic-phase-diagnose = To diagnose
pic-phase-mitigate = To mitigate
pic-phase-repair = To repair
pic-count-open = { $n } still open
pic-count-missing = { $n } missing a stamp
pic-count-contradictory = { $n } contradictory
pic-no-median = no median
pic-median-not-reached = median not reached: too many are open
pic-median = median { $median }
pic-interval = 95 %: { $low } to { $high }
pic-interval-above = 95 %: { $low } or more
pic-interval-none = too few for an interval
pic-nothing = nothing to show
pic-nothing-missing = nothing to show: { $from } or { $to } is missing
pic-is-open-for = { $id } is open, for { $length }
pic-took = { $id } took { $length }
pic-stamp-impact-start = impact start
pic-stamp-detected = detected
pic-stamp-declared = declared
pic-stamp-acknowledged = acknowledged
pic-stamp-diagnosed = diagnosed
pic-stamp-mitigated = mitigated
pic-stamp-resolved = resolved
