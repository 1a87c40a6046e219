"""Computes hereby's numbers again with NumPy and SciPy, from the incidents as the API lists them.

Takes the path of the local socket of a running hereby with an empty record. Fills it with incidents
whose times are drawn with a fixed seed, then compares every number of `GET /api/v1/stats`. Ends with
1 and says where, if one differs.
"""

import http.client
import json
import socket
import sys
import warnings
from datetime import datetime, timedelta, timezone

import numpy as np
from scipy import stats

RESAMPLES = 20_000
PHASES = {
    "detect": ("impact_start", "detected"),
    "declare": ("detected", "declared"),
    "acknowledge": ("declared", "acknowledged"),
    "diagnose": ("detected", "diagnosed"),
    "mitigate": ("impact_start", "mitigated"),
    "repair": ("impact_start", "resolved"),
}
MINUTE = 60.0


class Hereby(http.client.HTTPConnection):
    """A connection over the local socket."""

    def __init__(self, path):
        super().__init__("localhost")
        self.at = path
        self.count = 0

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.at)

    def ask(self, method, path, body=None):
        self.count += 1
        headers = {"Idempotency-Key": f"scipy/{self.count}", "Content-Type": "application/json"}
        self.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text)

    def command(self, name, **args):
        return self.ask("POST", f"/api/v1/commands/{name}", args)["receipts"][0]


def written(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def read(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def incident(hereby, service, start_s, marks, resolved):
    """Declares one that began so many seconds ago, with marks so many seconds after that."""
    start = datetime.now(timezone.utc) - timedelta(seconds=start_s)
    declared = hereby.command(
        "incident.declare",
        title="Made up",
        severity=2,
        service=service,
        impact_start=written(start),
    )
    number = declared["subject"]["id"]
    for stamp, after_s in marks.items():
        at = written(start + timedelta(seconds=after_s))
        hereby.command("incident.stamp_time", incident=number, stamp=stamp, at=at)
    if resolved:
        hereby.command("incident.acknowledge", incident=number)
        hereby.command("incident.resolve", incident=number)


def fill(hereby):
    """Each service is a set of data of its own."""
    random = np.random.default_rng(2017)
    for _ in range(60):
        found, cause, gone = random.lognormal([1.5, 2.5, 3.5], [0.8, 1.2, 1.0]) * MINUTE
        marks = {"detected": found, "diagnosed": found + cause, "mitigated": gone}
        # Some times are forgotten.
        kept = {name: at for name, at in marks.items() if random.random() < 0.85}
        incident(hereby, "skewed", found + cause + gone + 60 * random.exponential(), kept, True)
    for number in range(50):
        # A third goes on.
        began = random.exponential(600 * MINUTE) + MINUTE
        marks = {"detected": began / 2} if number % 2 else {}
        incident(hereby, "open", began, marks, number % 3 != 0)
    for _ in range(30):
        found = MINUTE * random.integers(1, 4)
        marks = {"detected": found, "mitigated": 2 * found}
        incident(hereby, "ties", 3600, marks, True)
    for number in range(4):
        incident(hereby, "few", 3600, {"detected": 10.0 + number}, True)
    incident(hereby, "single", 3600, {"detected": 0.0}, True)
    for number in range(90):
        gone = random.lognormal(3, 0.5) * MINUTE * (3 if number >= 45 else 1)
        incident(hereby, "worse", gone + 60, {"mitigated": gone}, True)


class Differs(Exception):
    pass


def same(what, found, wanted, by=1.0):
    if found is None or wanted is None:
        good = found is None and wanted is None
    else:
        good = abs(found - wanted) <= by
    if not good:
        raise Differs(f"{what}: hereby says {found}, SciPy {wanted}")


def within(what, found, low, high):
    if not low - 1 <= found <= high + 1:
        raise Differs(f"{what}: hereby says {found}, SciPy between {low} and {high}")


def outcome(listed, phase, now):
    """What is to be measured of an incident: (state, milliseconds)."""
    moments = {name: read(said["at"]) for name, said in listed["times"].items()}
    moments["declared"] = read(listed["declared_at"])
    if listed["acknowledged"]:
        moments["acknowledged"] = read(listed["acknowledged"]["at"])
    if listed["resolved_at"]:
        moments["resolved"] = read(listed["resolved_at"])
    start, end = (moments.get(name) for name in PHASES[phase])
    waits = listed["resolved_at"] is None and phase not in ("detect", "declare")
    if start is None or (end is None and not waits):
        return ("missing", None)
    if end is None:
        return ("ongoing", now - start)
    return ("over", end - start) if start <= end else ("contradictory", None)


def check_sample(what, phase, values):
    if len(values) == 0:
        same(what, phase["quantiles_ms"], None)
        return
    for name, share in [("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9)]:
        same(f"{what} {name}", phase["quantiles_ms"][name], np.quantile(values, share))
    same(f"{what} mean", phase["mean_ms"], np.mean(values))
    cdf = stats.ecdf(values).cdf
    same(f"{what} steps", len(phase["ecdf"]), len(cdf.quantiles), 0)
    for step, at, share in zip(phase["ecdf"], cdf.quantiles, cdf.probabilities):
        same(f"{what} ecdf", step["at_ms"], at, 0)
        same(f"{what} ecdf", step["share_ppm"], share * 1e6)
    if len(values) < 6:
        same(f"{what} interval", phase["median_interval_ms"], None)
        same(f"{what} interval", phase["mean_interval_ms"], None)
        return
    drawn = bootstrap((values,), np.median, "percentile").bootstrap_distribution
    in_tails(f"{what} median", phase["median_interval_ms"], drawn, 1)
    if np.ptp(values) > 0:
        # With 2,000 resamples an end has a standard error of about 2 % of the width, from its own
        # tail and from the bias correction. Four of them.
        wanted = bootstrap((values,), np.mean, "BCa").confidence_interval
        width = wanted.high - wanted.low
        same(f"{what} low", phase["mean_interval_ms"]["low"], wanted.low, 0.08 * width + 1)
        same(f"{what} high", phase["mean_interval_ms"]["high"], wanted.high, 0.08 * width + 1)


def bootstrap(samples, statistic, method):
    return stats.bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        method=method,
        vectorized=True,
        batch=500,
        rng=np.random.default_rng(7),
    )


def in_tails(what, interval, drawn, unit, level=0.95):
    """The ends cut off 2.5 % each, or less, give or take three standard errors of 2,000 resamples."""
    tail = (1 - level) / 2
    error = 3 * np.sqrt(tail * (1 - tail) / 2_000)
    low, high = max(0, tail - error), tail + error
    tails = np.quantile(drawn, [low, high, 1 - high, 1 - low]) * unit
    within(f"{what} low", interval["low"], tails[0], tails[1])
    within(f"{what} high", interval["high"], tails[2], tails[3])


def survival_function(times, over):
    censored = stats.CensoredData.right_censored(times, ~over)
    return stats.ecdf(censored).sf


def first_at_most_half(sf_at, shares):
    known = ~np.isnan(shares) & (shares <= 0.5 + 1e-12)
    return sf_at[known][0] if known.any() else None


def check_survival(what, found, times, over):
    if len(times) == 0:
        same(what, found, None)
        return
    sf = survival_function(times, over)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # Where nothing goes on any longer there is no band; that is checked below.
        warnings.simplefilter("ignore", RuntimeWarning)
        band = sf.confidence_interval(0.95, method="log-log")
    ended = np.isin(sf.quantiles, times[over])
    at = sf.quantiles[ended]
    share, low, high = (
        curve[ended]
        for curve in (sf.probabilities, band.low.probabilities, band.high.probabilities)
    )
    same(f"{what} steps", len(found["steps"]), len(at), 0)
    for step, *wanted in zip(found["steps"], at, share, low, high):
        same(f"{what} step", step["at_ms"], wanted[0], 0)
        same(f"{what} share", step["share_ppm"], wanted[1] * 1e6)
        for name, edge in [("low_ppm", wanted[2]), ("high_ppm", wanted[3])]:
            edge = None if np.isnan(edge) or wanted[1] == 0 else edge * 1e6
            same(f"{what} {name}", step[name], edge)
        same(f"{what} at risk", step["at_risk"], (times >= step["at_ms"]).sum(), 0)
    low, high = (np.where(share == 0, np.nan, edge) for edge in (low, high))
    for name, shares in [("median_ms", share), ("low_ms", low), ("high_ms", high)]:
        same(f"{what} {name}", found[name], first_at_most_half(at, shares), 0)


def lower_median(values, axis=-1):
    """The Kaplan-Meier median when everything is over."""
    return np.quantile(values, 0.5, axis=axis, method="inverted_cdf")


def check_trend(what, trend, times, over):
    """The numbers of a trend that is shown, where all are over; otherwise that it says why not.

    Six phases are asked for at once, and together they are to err one time in twenty."""
    if not trend["shown"]:
        if not trend["why"]:
            raise Differs(f"{what}: refused without a reason")
        return
    if not over.all():
        return
    earlier, later = times[: len(times) // 2], times[len(times) // 2 :]
    for half, values in [("earlier", earlier), ("later", later)]:
        same(f"{what} {half} n", trend[half]["n"], len(values), 0)
        same(f"{what} {half} median", trend[half]["median_ms"], lower_median(values), 0)
    ratio = lambda before, after, axis=-1: lower_median(after, axis) / lower_median(before, axis)
    same(f"{what} ratio", trend["ratio_ppm"], ratio(earlier, later) * 1e6)
    drawn = bootstrap((earlier, later), ratio, "percentile").bootstrap_distribution
    interval = {"low": trend["low_ppm"], "high": trend["high_ppm"]}
    same(f"{what} level", trend["level_ppm"], 1e6 - 5e4 / 6)
    in_tails(what, interval, drawn, 1e6, 1 - 0.05 / 6)


def check_uptime(what, found, listed, since, until):
    """Failures and times of one service, from the union of its incidents."""
    spans = []
    undated = 0
    for one in listed:
        if "impact_start" not in one["times"]:
            undated += 1
            continue
        start = max(read(one["times"]["impact_start"]["at"]), since)
        end = min(read(one["resolved_at"]), until) if one["resolved_at"] else until
        spans.append((start, max(start, end)))
    merged = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    down = sum(end - start for start, end in merged)
    failures = len(merged) + undated
    same(f"{what} failures", found["failures"], failures, 0)
    same(f"{what} down", found["down_ms"], down, 0)
    mttf = (until - since - down) / failures
    same(f"{what} mttf", found["mttf_ms"], mttf)
    same(f"{what} mtbf", found["mtbf_ms"], mttf + down / len(merged))


def check(hereby, service):
    filters = f"&service={service}" if service else ""
    document = hereby.ask("GET", f"/api/v1/stats?trend=true{filters}")
    listed, before = [], ""
    while before is not None:
        page = hereby.ask("GET", f"/api/v1/incidents?status=all&limit=1000{before}")
        listed += page["items"]
        before = page["next"] and f"&before={page['next']}"
    listed = [one for one in reversed(listed) if service in (None, one["service"])]
    now = read(document["at"])
    same("incidents", document["incidents"], len(listed), 0)
    means = {mean["mean"]: mean for mean in document["means"]}
    for phase in document["phases"]:
        what = f"{service or 'all'} {phase['phase']}"
        wanted = [outcome(one, phase["phase"], now) for one in listed]
        found = [(one["state"], one["took_ms"]) for one in phase["incidents"]]
        if found != wanted:
            raise Differs(f"{what}: hereby lists {found}, the incidents say {wanted}")
        known = [(ms, state == "over") for state, ms in wanted if ms is not None]
        times = np.array([ms for ms, _ in known], dtype=float)
        over = np.array([is_over for _, is_over in known], dtype=bool)
        check_sample(what, phase, np.sort(times[over]))
        check_survival(what, phase["survival"], times, over)
        check_trend(what, phase["trend"], times, over)
        name = {"detect": "mttd", "diagnose": "mtt_diagnose", "repair": "mttr"}.get(phase["phase"])
        if name:
            same(name, means[name]["value_ms"], times[over].mean() if over.any() else None)
    repair = document["repair"]
    since, until = read(repair["since"]), read(repair["until"])
    for one in repair["services"]:
        of_it = [incident for incident in listed if incident["service"] == one["service"]]
        check_uptime(one["service"], one, of_it, since, until)
    return len(listed), {phase["phase"]: phase["trend"]["shown"] for phase in document["phases"]}


def main():
    hereby = Hereby(sys.argv[1])
    fill(hereby)
    try:
        for service in [None, "skewed", "open", "ties", "few", "single", "worse"]:
            count, shown = check(hereby, service)
            print(f"{service or 'all'}: {count} incidents, every number agrees")
            if service == "worse" and not shown["mitigate"]:
                raise Differs("worse: three times as long, and no trend is shown")
            if service == "skewed" and shown["mitigate"]:
                raise Differs("skewed: a trend is shown where there is none")
    except Differs as differs:
        raise SystemExit(str(differs))


main()
