# The console's pages. Keys are in order of where they stand; every language has every key.

## Around every page
skip = Skip to the content
nav = Main
nav-incidents = Incidents
nav-alerts = Alerts
nav-fleet = Edges
nav-containment = Containment
nav-followups = Follow-ups
nav-services = Services
nav-public = Public
nav-people = People
nav-prepared = Runbooks
nav-numbers = Numbers
nav-record = Record
sign-out = Sign out
language = Language
live = Follows what happens.
live-lost = Not connected: this page may be out of date.
live-out = Your session has ended. What you have written stays here: sign in again in another tab, come back, and send it.
corrected-act = What it corrects
cost = Cost
on-this-page = On this page
watch = Refresh this page by itself
watching = Refreshes every 15 seconds.
times-utc = All times are UTC.
receipt = Receipt
done = Done. It is act { $index } on the record.
back = Back
keep = Keep
show = Show
older = Older
newer = Newer
previous = Previous
next = Next
optional = (optional)
unknown = unknown
yes = yes
no = no
sealed = (sealed)
sealed-title = (sealed: the incident is private)
because = because
all-of-it = All of it
nobody = nobody
rows-more = { $n ->
    [one] One more is not shown here.
   *[other] { $n } more are not shown here.
 }

## Times
ago = { $length } ago
ahead = in { $length }
seconds = { $n } s
minutes = { $n } min
hours = { $n } h
days = { $n } d

## Signing in
sign-in = Sign in
sign-in-title = Sign in to hereby
sign-in-how = Somebody on the machine that hereby runs on makes you a link. It works once, for ten minutes.
sign-in-you = YOUR-NAME
sign-in-code = Code, or the whole link
sign-in-hint = With JavaScript the link signs you in by itself. Without it, paste it here.
sign-in-no-code = This is no code. It begins with hbl_ and stands behind the # of the link.
sign-in-used = This link was used, or has expired. Ask for another one.
sign-in-provider = Sign in with { $name }
sign-in-link = Or with a link
sign-in-provider-silent = The identity provider does not answer. A link works without it: ask somebody on the machine that hereby runs on.
sign-in-provider-refused = The identity provider did not let you in. Nothing was done.
sign-in-provider-wrong = What came back from the identity provider belongs to no sign-in of this browser, or came too late. Begin again.
sign-in-provider-nameless = The identity provider knows you, but hereby has nobody of that name. An admin adds you: hereby person add.

## What went wrong
problem-not-found = There is no such thing
problem-forbidden = You may not do this
problem-unauthorized = Sign in first
problem-bad-request = The request is malformed
problem-overloaded = More is asked than can be done now
problem-unknown = Nobody can say whether this happened
problem-too-large = That is too large
problem-wrong-state = Not possible as things are
problem-out-of-range = Something is out of its range
problem-too-many = There are as many as there may be
problem-role-conflict = Two roles that exclude each other
problem-no-space = The disk is full: nothing is recorded now
problem-keystore = The keys of sealed texts can't be used
problem-stopping = hereby is stopping
problem-internal = Something in hereby is broken
to-incidents = To the incidents

## Incidents
open-incidents = Open incidents
all-incidents = All incidents
nothing-open = Nothing is open.
nothing-open-hint = Quiet is good. Whoever sees something wrong declares it: too often is better than too late.
drill = Drill
private = Private
unacknowledged = nobody has acknowledged it
no-commander = no commander
declare-title = Declare an incident
declare-what = What is wrong?
declare-button = I hereby declare this an incident
declare-more = With more: service, private, drill…
waiting-title = Waiting
alerts-firing = { $n ->
    [one] One alert fires
   *[other] { $n } alerts fire
 }
requests-waiting = { $n ->
    [one] One request waits for somebody
   *[other] { $n } requests wait for somebody
 }
followups-overdue = { $n ->
    [one] One follow-up is overdue
   *[other] { $n } follow-ups are overdue
 }

## The room of an incident
declared = Declared
status = Status
redacted = What was sealed in this incident was erased.
acknowledge-button = I am on it
acknowledge-hint = Nobody has acknowledged it yet; people are reminded until somebody does.
say-title = Say something
say-label = What happened, or what do you know?
say-note = Note it
say-insiders = Tell insiders
say-public = Tell the public…
say-decide = Decide…
say-file = Attach a file…
timeline = Timeline
acts-count = { $n ->
    [one] one act
   *[other] { $n } acts
 }
to-newest = To the newest acts
roles = Who does what
take-role = I take it
assign = Assign…
accept = I take over
hand-over = Hand over…
also-here = Also here
join = I join
word-title = What was said
told-nothing = nothing yet
next-due = next word due
set-clock = Clock…
tasks = Tasks
new-task = New task
close-task = Done…
work-unread = This incident is closed and long: its tasks, questions and files are in its review and on the record.
questions = Questions
ask = Ask…
answer = Answer…
checklists = Checklists
tick = Done
alerts = Alerts
no-alerts = No alert belongs to it.
firing = fires
dependencies = What the service needs, as it was when this was declared
dependency-seen = { $kind } { $name }: { $alerts ->
    [0] no alert fired
    [one] one alert fired
   *[other] { $alerts } alerts fired
 }
facts = Facts
files = Files
unnamed-file = file
afterwards = Afterwards
due = due
meeting = People meet at
review = Review
everything-else = Everything else
badge-proven = On the record, and published
badge-pending = On the record; its publication follows
badge-about = Every line of this page is an act on an append-only record. An act that was published can't be changed or removed without everybody who checks seeing it.
badge-newest = Newest act here
badge-size = Published acts
badge-check = To check it yourself, without this page:
witness-covers = Witness { $name } has cosigned { $size } acts, these among them.
witness-behind = Witness { $name } has cosigned { $size } acts, not these yet.
audited = Audited { $ago }: { $entries } acts read again, nothing wrong.
audited-violations = Audited { $ago }: { $violations } violations. Look at /metrics and the log.
not-audited = The auditor has not come to the end of the record yet.

## Acts and the record
record = Record
record-size = Acts
record-root = Root
record-key = Key
record-about = Everything that was done, in order. Nothing is ever changed; what is wrong is corrected by a later act.
acts-hidden = { $n ->
    [one] One act is not yours to see.
   *[other] { $n } acts are not yours to see.
 }
act-title = Act { $index }
act-says = What it says
act-kind = Kind
act-at = At
act-claimed = Sender's time
act-who = Who
act-subject = About
act-cause = Because of
act-id = Id
act-json = As data
act-entry = The entry, byte for byte
act-proof = Proof
act-proven = On the record among { $n } acts
act-pending = On the record; the checkpoint that proves it follows in a moment.
act-proof-about = These hashes lead from this act to the root in the signed checkpoint. Whoever has the file and the log's public key can check that, years from now, without hereby.
act-leaf = Leaf
act-hashes = { $n ->
    [one] one hash
   *[other] { $n } hashes
 }
act-checkpoint = The signed checkpoint
act-download = Download the proof
actor-uid = user { $uid } of this machine
claimed-by = (says user { $uid })
actor-behalf = { $person } (user { $uid } of this machine)
proof-own = hereby itself
proof-local = from this machine, as the kernel says
proof-token = by token { $name }
proof-session = in a browser, session { $name }
proof-key = signed by key { $name }
subject-record = the record
subject-alert = alert
subject-silence = silence
subject-maintenance = maintenance
subject-heartbeat = heartbeat
subject-token = token
subject-client = client
subject-certificate = certificate
subject-route = route
subject-switch = switch
subject-cell = cell
subject-edge = edge
subject-deployment = deployment
subject-fleet = all edges
subject-component = component
subject-page = the status page
subject-login = link
subject-session = session
subject-key = key
subject-person = person
subject-team = team
subject-request = request
subject-runbook = runbook
subject-template = template
subject-service = service

## Review
review-of = Review of { $incident }
review-open = This incident is still open: what is written here will change.
review-publish = Publish
review-publish-button = Publish this review
review-clean = Nothing is to be mended.
review-published = Published
review-private = What was written in a private incident is sealed. In a terminal: hereby review --publish says what it takes.
review-preview = As its readers see it
review-alone = Open it alone
evidence = evidence
replace = Replace…
add-finding = Add a finding…

## Numbers
numbers = Numbers
numbers-about = { $n ->
    [one] One incident,
   *[other] { $n } incidents,
 }
numbers-open = { $n ->
    [0] none of them open.
    [one] one of them open.
   *[other] { $n } of them open.
 }
numbers-alt = Every incident as a dot for each phase, and how they are distributed. The table below has the numbers.
numbers-caption = Means of durations mislead, so every incident is a dot. What is missing is missing, never zero.
all-phases = all
only-drills = drills only
too-few = too few to say

## Settings
settings = Settings
settings-look = Language and look
settings-theme = Light or dark
theme-system = as the system has it
theme-light = light
theme-dark = dark
settings-you = You
settings-session = Session
settings-expires = Ends at the latest
settings-idle = Ends when idle for
settings-permissions = You may
settings-ungoverned = everything: nobody was given a permission yet
settings-none = look at what is nobody's, and at what you take part in
settings-strong = A cookie can be stolen. So what lets somebody in or can't be undone is done in a terminal, with a key: hereby key --help
settings-hereby = This hereby
settings-version = Version
settings-started = Running since
settings-disk = Free on the disk

## Lists
list-services = Services
list-services-about = What people use, what it needs, and who looks after it.
list-services-empty = No service is known yet.
list-teams = Teams
list-teams-about = Who looks after what.
list-teams-empty = No team is known yet.
list-people = People
list-people-about = Who is known, and what they may ask for.
list-people-empty = Nobody is known yet.
list-requests = Requests
list-requests-about = What can't be undone waits here for a second person.
list-requests-empty = Nothing waits.
list-alerts = Alerts
list-alerts-about = What fires, and what has ended within a day.
list-alerts-empty = Nothing fires.
list-silences = Silences
list-silences-about = Alerts that declare nothing for a while.
list-silences-empty = Nothing is silenced.
list-maintenances = Maintenance
list-maintenances-about = Planned work.
list-maintenances-empty = No work is planned.
list-heartbeats = Heartbeats
list-heartbeats-about = Signs of life that must not stop.
list-heartbeats-empty = No sign of life is expected.
list-bans = Bans
list-bans-about = Who is answered nothing, at every edge.
list-bans-empty = Nobody is banned.
list-revocations = Revoked certificates
list-revocations-about = What lets nobody in any more, for ever.
list-revocations-empty = No certificate is revoked.
list-failovers = Failover
list-failovers-about = Routes on which another tier answers than was planned.
list-failovers-empty = Every route goes by its plan.
list-switches = Switches
list-switches-about = What is turned off: features, limits, routes, tenants.
list-switches-empty = Nothing is off.
list-postures = Postures
list-postures-about = Services that don’t work as usual.
list-postures-empty = Every service works as usual.
list-runbooks = Runbooks
list-runbooks-about = What people do, step by step.
list-runbooks-empty = There is no runbook yet.
list-templates = Templates
list-templates-about = What incidents begin with.
list-templates-empty = There is no template yet.
list-followups = Follow-ups
list-followups-about = What is still to be done after incidents; the one due first stands first.
list-followups-empty = Nothing is to be done.
list-components = Components
list-components-about = What stands on the status page, and how it is said to be.
list-components-empty = Nothing stands on the status page yet.
list-targets = Published to
list-targets-about = Where readers find the status page, and how old it is there.
list-targets-empty = The page is published nowhere yet.
list-notices = Notices
list-notices-about = What subscribers were told, and what became of each delivery.
list-notices-empty = Nobody was told anything yet.
list-tokens = Tokens
list-tokens-about = Programs and people who come in with a token.
list-tokens-empty = There is no token.
list-keys = Keys
list-keys-about = Keys that sign for people.
list-keys-empty = There is no key.
list-sessions = Sessions
list-sessions-about = Who is signed in.
list-sessions-empty = Nobody is signed in.
column-do = What can be done
column-service = Service
column-tier = Tier
column-owner = Owner
column-about = About
column-dependencies = Needs
column-team = Team
column-person = Person
column-full-name = Name
column-places = Reached at
column-permissions = May
column-request = Request
column-command = Asks for
column-by = By
column-approvals = Approvals needed
column-approved = Approved by
column-due-at = Due
column-expires-at = Expires
column-text = What
column-title = Title
column-state = State
column-source = Source
column-fired-at = Since
column-ended-at = Ended
column-incident = Incident
column-labels = Labels
column-silence = Silence
column-matchers = Labels
column-ends-at = Ends
column-active = Active
column-maintenance = Maintenance
column-starts-at = Begins
column-heartbeat = Heartbeat
column-interval-ms = Every
column-grace-ms = At most late
column-severity = Severity
column-last-at = Last
column-prefix = Addresses
column-certificate = Certificate
column-route = Route
column-switch = Switch
column-posture = Posture
column-cell = Cell
column-why = Why
column-runbook = Runbook
column-steps = Steps
column-template = Template
column-private = Private
column-runbooks = Runbooks
column-followup = No.
column-reminders = Reminders
column-token = Token
column-actor = Holder
column-scopes = Good for
column-expired = Expired
column-key = Key
column-vkey = Public half
column-session = Session
column-begun-at = Began
column-used-at = Last used
column-issuer = Vouched for by
column-component = Component
column-titles = Title
column-status = Said to be
column-group = Group
column-services = Services
column-target = Place
column-kind = Kind
column-behind = Behind
column-sequence = Edition
column-seen-at = Last seen
column-trouble = Trouble
column-notice = Notice
column-at = When
column-done = Done
column-failed = Failed
column-unknown = Unknown
column-open = Still open
column-phase = Phase
column-ongoing = Ongoing
column-missing = Missing
column-median = Median
column-interval = 95 % interval
column-p90 = 90 % took at most
chat = Chat
chat-asked = a room is being made
chat-closed = the room ends
chat-linked = there is a room
chat-unlinked = there is no room any more

edge = Edge
fleet = What edges run
fleet-current = What was fully deployed last:
fleet-no-current = No version was fully deployed yet.
fleet-frozen = Frozen: nothing new goes out. Says
fleet-paused = Held where it is. Says
fleet-by-note = It does not go on by itself. By a break-glass note went back:
fleet-one-of = one edge of
fleet-held = held { $held } of { $time }, { $requests } of { $wanted } requests
fleet-watched = watched { $held } of { $time }
fleet-triggers = Sent back when
fleet-measure-errors = requests fail
fleet-measure-slower = requests take longer than { $ms } ms
fleet-measure-refused = requests are refused { $reason }
fleet-compared = more than at unchanged edges
fleet-most = or more than { $percent } % of them
fleet-leased = is not brought out again before
fleet-own = Tenants with a version of their own
fleet-tenant = Tenant
fleet-edges = Edges
fleet-edge = Edge
fleet-none = No edge is enrolled. Invite one:
fleet-standing = Standing
fleet-told = Told
fleet-runs = Runs
fleet-heard = Heard of
fleet-failed = Failed / requests
fleet-never = never
fleet-ago = { $time } ago
fleet-more = There are more:
fleet-is-unknown = not heard of
fleet-is-idle = told nothing yet
fleet-is-follows = follows
fleet-is-behind = behind
fleet-is-refuses = refuses
fleet-is-below-floor = speaks an earlier protocol than its cell takes
fleet-is-break-glass = went back by a break-glass note
fleet-history = What went out
fleet-deployment = Deployment
fleet-version = Version
fleet-at = Begun
fleet-by = By
fleet-why = Why
fleet-completed = completed
fleet-rolled-back = rolled back
fleet-aborted = stopped
edge-cell = Cell
edge-up = up for
edge-unrecorded = a file says what it serves, not the record
edge-sheds = There is more to do than can be done: { $n } of 1000 requests are refused, the heaviest tenants first.
edge-connections = Connections
edge-in-progress = In progress
edge-websockets = WebSockets
edge-answers = Answers
edge-errors = Errors (5xx)
edge-memory = Memory
edge-routes = Routes
edge-route = Route
edge-tenant = Tenant
edge-posture = Posture
edge-normal = normal
edge-degraded = degraded
edge-tiers = Tiers
edge-upstreams = Upstreams
edge-upstream = Upstream
edge-breaker = Breaker
edge-can = up
edge-cannot = down
edge-servers = Servers
edge-failures = Failures
edge-refusals = Refused, by reason
edge-no-refusals = Nothing was refused since it started.
edge-reason = Reason
edge-total = Total
edge-share = Share
edge-newest = The newest
edge-request = Request
edge-id = Id
edge-none = No edge answers on this machine. Start one, or see docs/how-to/edge.md:
