# The status page's words. Every language has every one of them.
page-title = { $name } status
skip = Skip to the content
languages = Languages
home = Status
history = History
history-title = What has happened
history-intro = Every incident of which we have told you, month by month.
history-none = We have told you of no incident yet.
month-title = Incidents in { $month }
month-none = We told you of no incident in this month.
valid-until = True until { $time }. If it is later than that now, this page is old: something keeps it from being renewed.
settled-until = This page is about something that is over. It is renewed by { $time } at the latest.
stale = This page is old. It was true until { $time }. We don't know whether anything has changed since.
made-at = Made at { $time }
all-well = Everything is working, as far as we know
all-well-note = Nothing is said to be wrong with any part of it.
state-unknown = No parts are listed here yet
state-unknown-note = So nothing can be said of how they are.
state-minor = Some things are slower or do less than usual
state-major = Some things fail
state-critical = Much of it fails
state-maintenance = Planned work is being done
open-incidents = What is happening now
components = How things are
components-none = No parts are listed yet.
uptime-known = { $percent } % of the measured time without an outage
uptime-none = Not measured yet
uptime-short = Measured for less than a day
uptime-unknown =
    { $days ->
        [one] 1 day not measured
       *[other] { $days } days not measured
    }
bars-label = { $component }, the last 90 days: { $summary }
bars-from = 90 days ago
bars-to = today
bars-days = Day by day
bar-day = { $day }: { $what }
minutes-major = { $minutes } min of outage
minutes-partial = { $minutes } min of partial outage
minutes-degraded = { $minutes } min slower than usual
minutes-maintained = { $minutes } min of planned work
minutes-unknown = { $minutes } min not measured
legend = Legend
legend-well = no outage
legend-degraded = slower
legend-partial = partial outage
legend-major = outage
legend-maintained = planned work
legend-unknown = not measured
planned = Planned work
planned-when = { $from } to { $to }
recent = The last days
recent-none = We told you of nothing wrong.
recent-unknown = Not measured: we don't know whether everything was working.
recent-partly-unknown = We told you of nothing wrong. For { $minutes } minutes of this day nothing was measured.
unnamed-incident = Incident
said-resolved = This incident is resolved.
said-reopened = This incident was not over after all. We are looking at it again.
said-started = The planned work has begun.
said-completed = The planned work is done.
said-called-off = The planned work was called off.
left-out =
    { $count ->
        [one] One older word is left out.
       *[other] { $count } older words are left out.
    }
affects = Affects
status-investigating = Investigating
status-identified = Identified
status-monitoring = Monitoring
status-resolved = Resolved
phase-scheduled = Planned
phase-in_progress = In progress
phase-completed = Done
impact-none = Not noticeable
impact-minor = Minor
impact-major = Major
impact-critical = Critical
component-operational = Working
component-degraded_performance = Slower than usual
component-partial_outage = Partial outage
component-major_outage = Outage
component-under_maintenance = Planned work
since = Since { $time }
resolved-at = Resolved at { $time }
back = Back to the status
earlier = Earlier
later = Later
feeds = Follow
signed = Signed list of files
not-found = There is no such page here
feed-title = { $name } status
feed-maintenance = Planned work: { $headline }
