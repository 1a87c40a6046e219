# What each kind of act says, behind the name of who did it. The placeables are the fields of the
# act's body; has-FIELD is "yes" where an optional one is there.

act-incident-declared = declared it SEV{ $severity }{ $has-service ->
    [yes] { " " }for { $service }
   *[other] { "" }
 }{ $has-drill ->
    [yes] , a drill
   *[other] { "" }
 }{ $has-private ->
    [yes] , private
   *[other] { "" }
 }
act-incident-acknowledged = acknowledged it
act-incident-assigned = made { $person } { $role }{ $has-replaces ->
    [yes] { " " }instead of { $replaces }
   *[other] { "" }
 }
act-incident-handover-offered = asked { $to } to take over as { $role } from { $from }
act-incident-relieved = relieved { $person } as { $role }
act-incident-waived = let { $person } be commander and operations at once
act-incident-time-stamped = { $has-at ->
    [yes] said when it was: { $stamp }, { $at }
   *[other] said that nobody knows when it was: { $stamp }
 }
act-incident-noted = noted
act-incident-updated = told { $audience }
act-incident-status-changed = moved it from { $from } to { $to }
act-incident-severity-changed = changed it from SEV{ $from } to SEV{ $to }
act-incident-resolved = resolved it
act-incident-reopened = opened it again
act-incident-reminded = reminded people: nobody has acknowledged it (no. { $count })
act-incident-alert-attached = attached an alert
act-incident-joined = { $person } joined
act-incident-left = { $person } left
act-incident-decided = decided
act-incident-task-opened = opened task { $task }{ $has-owner ->
    [yes] { " " }for { $owner }
   *[other] { "" }
 }
act-incident-task-assigned = gave task { $task } to { $owner }
act-incident-task-closed = closed task { $task }: { $outcome }
act-incident-asked = asked question { $question }{ $has-person ->
    [yes] { " " }of { $person }
   *[other] { "" }
 }
act-incident-answered = answered question { $question }
act-incident-contact-named = named contact { $contact }
act-incident-contact-removed = removed contact { $contact }
act-incident-file-attached = attached a file of { $bytes } bytes
act-incident-related = said that it is { $relation } { $to }
act-incident-checklist-started = began checklist { $checklist }: { $runbook }
act-incident-step-ticked = checklist { $checklist }, step { $step }: { $outcome }
act-incident-update-clock-set = { $has-every-ms ->
    [yes] set the clock: { $audience } hear something every { $every-ms }
   *[other] stopped the clock for { $audience }
 }
act-incident-update-overdue = reminded people: word to { $audience } was due at { $due-at }
act-incident-corrected = corrected an act
act-incident-caught-up = { $person } has read { $acts } acts
act-incident-impact-stated = said what it did{ $has-customers ->
    [yes] : { $customers } customers
   *[other] { "" }
 }{ $has-data ->
    [yes] , data { $data }
   *[other] { "" }
 }
act-incident-redacted = erased what was sealed in it
act-review-stated = stated for the review ({ $section })
act-review-withdrawn = took a finding out of the review
act-review-published = published the review for { $audience }
act-review-meeting-scheduled = scheduled the meeting: { $starts-at }, { $minutes } min
act-review-meeting-cancelled = called the meeting off
act-followup-opened = opened follow-up { $followup } for { $owner }, due { $due-at }
act-followup-changed = changed follow-up { $followup }: { $owner }, due { $due-at }
act-followup-closed = closed follow-up { $followup }: { $outcome }
act-followup-reminded = reminded the owner of follow-up { $followup } (no. { $count })
act-followup-ticket-tried = is about to open a ticket in { $tracker } for follow-up { $followup }
act-followup-ticket-linked = follow-up { $followup } is ticket { $ticket } in { $tracker }
act-chat-room-asked = asked for a room in { $channel }
act-chat-room-linked = says it in { $channel } from now on, in the room { $room }
act-chat-room-closed = closed the room in { $channel }
act-chat-room-unlinked = left the room in { $channel }
act-subscriber-confirmed = is told what the public is told
act-subscriber-changed = is told something else from now on
act-subscriber-removed = is told nothing any more, and their address is erased
act-notice-sent = sent it to subscribers as { $notice }: { $mail } by mail, { $webhook } by webhook
act-notice-delivered = what became of { $notice }: done { $done }, failed { $failed }, unknown { $unknown }
act-notice-retried = had { $count } deliveries of { $notice } tried again whose outcome was unknown
act-runbook-saved = saved the runbook
act-runbook-removed = removed the runbook
act-template-saved = saved the template
act-template-removed = removed the template
act-alert-fired = an alert of { $source } fires
act-alert-resolved = the alert ended: { $ending }
act-alert-acknowledged = it was acknowledged at its source
act-silence-created = silenced alerts until { $ends-at }
act-silence-ended = ended the silence
act-maintenance-scheduled = planned work on { $service } from { $starts-at } to { $ends-at }
act-maintenance-ended = ended the maintenance
act-heartbeat-expected = expects a sign of life every { $interval-ms }, at most { $grace-ms } late
act-heartbeat-forgotten = expects it no more
act-token-issued = issued a token to { $actor } for { $scopes } until { $expires-at }
act-token-revoked = revoked the token
act-key-enrolled = enrolled a key for { $person }
act-key-revoked = revoked the key
act-login-offered = let { $person } sign in with a link until { $expires-at }
act-session-begun = { $has-issuer ->
    [yes] signed { $person } in, for whom { $issuer } vouches
   *[other] signed { $person } in with a link
 }
act-session-ended = ended the session
act-person-registered = made known, or changed, what is known of them
act-person-removed = forgot them
act-person-redacted = erased what was personal of them
act-permission-granted = gave the permission { $permission }{ $has-team ->
    [yes] { " " }in { $team }
   *[other] { "" }
 }
act-permission-withdrawn = withdrew the permission { $permission }{ $has-team ->
    [yes] { " " }in { $team }
   *[other] { "" }
 }
act-team-registered = made the team known
act-team-removed = forgot the team
act-service-registered = made the service known, or changed what is known of it
act-service-removed = forgot the service
act-cell-defined = made it a cell of the ring { $ring }
act-cell-floor-set = has its edges take no protocol below { $protocol }
act-cell-removed = removed the cell
act-cell-supplied = had it run what all run
act-edge-invited = let it enroll in { $cell }, until { $expires-at }
act-edge-enrolled = took it in, in { $cell }
act-edge-retired = tells it nothing any more
act-version-deployed = began to bring out a version of { $bytes } bytes that changes { $changes }{ $has-incident ->
    [yes] , for { $incident }
   *[other] { "" }
 }
act-deployment-advanced = began stage { $stage }, counted from 0{ $has-early ->
    [yes] , before the one before had held
   *[other] { "" }
 }
act-deployment-paused = held it where it is
act-deployment-resumed = let it go on
act-trigger-fired = sent it back: { $what }
act-deployment-aborted = stopped it; nothing ran before
act-deployment-completed = completed it: all run it
act-version-rolled-back = had { $cells } run an earlier version again; what ran is not brought out before { $lease-ends-at }{ $has-incident ->
    [yes] , for { $incident }
   *[other] { "" }
 }
act-lease-lifted = let a version be brought out again that was gone back from
act-fleet-frozen = let nothing new go out
act-fleet-unfrozen = let versions go out again
act-break-glass-key-set = said whose break-glass notes edges believe
act-break-glass-used = went back while control was gone, by a break-glass note
act-client-banned = banned { $prefix }{ $has-ends-at ->
    [yes] { " " }until { $ends-at }
   *[other] { " " }until that is lifted
 }{ $has-incident ->
    [yes] , for { $incident }
   *[other] { "" }
 }
act-certificate-used = counted its use at { $tenant } in { $cell }, from { $first-at } to { $last-at }: { $let-through } let in, { $refused } refused{ $let-through-after ->
    [0] { "" }
   *[other] ; { $let-through-after } let in since it was revoked
 }
act-client-unbanned = lifted the ban of { $prefix }
act-certificate-revoked = revoked { $has-serial ->
    [yes] certificate { $serial } of issuer { $issuer }
   *[other] the certificate { $fingerprint }
 }{ $has-incident ->
    [yes] , for { $incident }
   *[other] { "" }
 }
act-failover-overridden = had { $has-tier ->
    [yes] tier { $tier } of { $route } answer
   *[other] { $route } go by its plan
 }{ $has-cell ->
    [yes] { " " }in { $cell }
   *[other] { "" }
 } until { $ends-at }{ $has-incident ->
    [yes] , for { $incident }
   *[other] { "" }
 }
act-switch-turned-off = turned { $switch } off{ $has-ends-at ->
    [yes] { " " }until { $ends-at }
   *[other] { "" }
 }{ $has-incident ->
    [yes] , for { $incident }
   *[other] { "" }
 }
act-switch-turned-on = turned { $switch } on again
act-posture-set = had { $service } work so: { $posture }{ $has-ends-at ->
    [yes] { " " }until { $ends-at }
   *[other] { "" }
 }{ $has-incident ->
    [yes] , for { $incident }
   *[other] { "" }
 }
act-component-registered = put it on the status page, or changed what is said of it there
act-component-removed = took it from the status page
act-page-measured = measured { $minutes } of 1440 minutes of the day from { $starts-at }
act-request-made = asked for { $command }, which waits
act-request-approved = approved it
act-request-rejected = rejected it
act-request-withdrawn = took it back
act-request-carried-out = it is done: { $ground }
act-request-lapsed = it was not done and will not be: { $reason }
act-record-opened = opened the record { $origin }
act-record-recovered = set { $dropped-bytes } bytes of a torn tail aside
act-record-key-rotated = changed the log's key
act-record-root-key-set = said whose word begins another epoch of the record
act-record-succeeded = began another epoch of the record
act-record-anchor-accepted = went on although the anchor did not fit

## Words of the record
word-commander = commander
word-operations = operations
word-communications = communications
word-planning = planning
word-investigating = investigating
word-identified = identified
word-monitoring = monitoring
word-resolved = resolved
word-insiders = insiders
word-public = the public
word-impact-start = customers hurt since
word-detected = detected
word-declared = declared
word-acknowledged = acknowledged
word-diagnosed = diagnosed
word-mitigated = mitigated
word-done = done
word-dropped = dropped
word-skipped = left out
word-related-to = related to
word-caused-by = caused by
word-duplicate-of = a duplicate of
word-none = none
word-read = read
word-changed = changed
word-lost = lost
word-signed = signed
word-attested = attested
word-unverified-source = source not verified
word-reported = its source said so
word-ends-at = its announced end passed
word-timed-out = not heard of for too long
word-firing = fires
word-ended = ended
word-approved = enough others approved
word-waited = its time came and nobody rejected it
word-overridden = somebody answers for it alone
word-expired = its time ran out
word-refused = it could not be done any more
word-viewer = viewer
word-reporter = reporter
word-responder = responder
word-publisher = publisher
word-operator = operator
word-admin = admin
word-internal = those who were there
word-customers = customers
word-executive = executives
word-team = the team
word-organisation = the organisation
word-everyone = everyone
word-abstract = in short
word-problem = what was wrong
word-impact = impact
word-contributing-factor = contributing factors
word-sooner-detection = how to notice sooner
word-worked = what worked
word-near-miss = near misses
word-learned = what was learned
word-customers-what = for customers: what happened
word-customers-data = for customers: their data
word-customers-actions = for customers: what is done
word-customers-next = for customers: next word
word-residual-risk = what may still happen
word-mail = mail
word-phone = phone
word-matrix = Matrix
word-slack = Slack
word-certificate = certificate
word-clock = clock
word-dns = DNS
word-identity = identity
word-route = route
word-service = service
word-vendor = vendor
word-closed = fails closed
word-open = fails open
word-degraded = degraded
word-normal = as usual
word-safe = the least
word-respond = respond
word-alerts = alerts
word-witness = witness
word-detect = to detect
word-declare = to declare
word-acknowledge = to acknowledge
word-diagnose = to diagnose
word-mitigate = to mitigate
word-repair = to repair
word-operational = working
word-degraded-performance = slower than usual
word-partial-outage = partial outage
word-major-outage = outage
word-under-maintenance = planned work
word-minor = minor
word-major = major
word-critical = critical
word-serving = serving
word-canary = canary
word-routes = routes
word-limits = limits
word-bans = bans
word-certificates = certificates
word-files = files
word-station = how edges work
word-tenants = tenants
word-upstreams = upstreams
