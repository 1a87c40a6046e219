//! More than an edge can do: who is refused first as load rises past it, and what it costs to be
//! refused, for each reason that somebody can bring about cheaply.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use benches::attacks::{Attack, Cost, Target, attack, hello, refusals, resets};
use benches::open::{Heard, Pace, stand_beside};
use benches::pooled::pooled;
use benches::proxies;
use benches::quota::Quota;
use benches::rig::{Failed, failed};
use benches::scratch::scratch;
use benches::server;
use benches::{Goal, median, quantile, report, rounds, say};

const UPSTREAM: u16 = 18_190;
const EDGE: u16 = 18_191;
const EDGE_TLS: u16 = 18_192;

/// Load of each step, of what the edge can do.
const STEPS: [f64; 6] = [0.5, 0.8, 1.0, 1.3, 1.6, 2.0];
/// Tenants with their priority and the share of the load that is theirs. The first asks for more than is
/// fair.
const TENANTS: [(&str, &str, f64); 4] = [
    ("heavy", "normal", 0.49),
    ("sheddable", "sheddable", 0.17),
    ("normal", "normal", 0.17),
    ("critical", "critical", 0.17),
];
/// Each tenant's clients open no more, and what finds none free is lost.
const CONNECTIONS_MAX: usize = 1_000;
/// What the edge has of its processor: clients and upstream, who share the other one, must be able to do
/// more than it.
const EDGE_PERCENT: u64 = 30;
/// A load that is easy for it, and by how much it grows until it is too much.
const EASY_PER_S: f64 = 3_000.0;
const NEARER: f64 = 1.15;
/// Later than this, requests are shed.
const LAG_MS_MAX: u64 = 20;
/// Who is to be refused before whom (`policy::shed`): the heavy one before its equal, a lower priority before
/// a higher one. Of the heavy one's requests fewer are heard while its connections pause; how it stands to
/// the sheddable one is therefore not said.
const BEFORE: [(usize, usize); 3] = [(0, 2), (1, 2), (2, 3)];
/// What of a better tenant's requests may be refused more than of a worse one's.
const WAVERS: f64 = 0.03;
/// Until nothing is left of what was measured before: use is half forgotten after a second, and what
/// is shed falls from all to nothing in ten.
const FORGOTTEN: Duration = Duration::from_secs(12);
/// Connections that one address may have.
const PER_ADDRESS: usize = 32;
const BODY_BYTES_MAX: usize = 1_000;

fn main() -> Result<(), Failed> {
    let program = server::build()?;
    stand_beside()?;
    let scratch = scratch().map_err(failed("make a directory"))?;
    let directory = scratch.path();
    let _upstream = proxies::upstream(directory, UPSTREAM)?;
    ramp(&program, directory)?;
    costs(&program, directory)
}

fn seconds(long: u64) -> Duration {
    Duration::from_secs(if rounds() < 3 { long.div_ceil(3) } else { long })
}

/// What each tenant heard at each step.
fn ramp(program: &Path, directory: &Path) -> Result<(), Failed> {
    let state = directory.join("ramp");
    let edge = proxies::edge(program, directory, "ramp", &tenants(), EDGE)?;
    let _quota = Quota::new(edge.pid, EDGE_PERCENT)?;
    let can = capacity()?;
    let (mut critical, mut goodput, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let mut worst = 0.0_f64;
        for step in STEPS {
            let before = refusals(program, &state)?;
            let mut heard = asked(can * step)?;
            let shares: Vec<f64> = heard.iter().map(Heard::share).collect();
            let good: usize = heard.iter().map(|one| one.good.len()).sum();
            let good = good as f64 / seconds(9).as_secs_f64() / can;
            say(&line(step, &mut heard, good));
            for (reason, count) in refusals(program, &state)? {
                match count - before.get(&reason).copied().unwrap_or(0) {
                    0 => {}
                    more => say(&format!("          refused for {reason}: {more}")),
                }
            }
            for (worse, better) in BEFORE {
                if let (Some(worse), Some(better)) = (shares.get(worse), shares.get(better)) {
                    worst = worst.max(worse - better);
                }
            }
            if step >= 2.0 {
                critical.push(shares.last().copied().unwrap_or(0.0));
                goodput.push(good);
            }
        }
        wrong.push(worst);
    }
    report(
        "edge: refused more than a tenant that goes first, any step",
        "",
        &wrong,
        Goal::AtMost(WAVERS),
    );
    report(
        "edge: critical requests answered at twice the load",
        "",
        &critical,
        Goal::AtLeast(0.99),
    );
    report(
        "edge: answers at twice the load, of what it can",
        "x",
        &goodput,
        Goal::AtLeast(0.6),
    );
    Ok(())
}

/// How many requests a second the edge can answer: the most at which it had all of them answered. What one takes
/// would not tell, as the edge finds more to do each time it looks the more there is.
fn capacity() -> Result<f64, Failed> {
    let (mut can, mut next) = (0.0, EASY_PER_S);
    while asked(next)?.iter().all(|one| one.share() > 0.999) {
        can = next;
        next *= NEARER;
    }
    if can == 0.0 {
        return Err(Failed(format!(
            "not all of {next:.0} requests/s are answered"
        )));
    }
    say(&format!(
        "the edge answers {can:.0} requests/s, and not all of {next:.0}"
    ));
    thread::sleep(FORGOTTEN);
    Ok(can)
}

fn line(step: f64, heard: &mut [Heard], good: f64) -> String {
    let mut line = format!("load {step:.1}: answered {good:.2} of what it can;");
    for ((name, ..), heard) in TENANTS.iter().zip(heard) {
        let refused = heard.refused as f64 / heard.asked().max(1) as f64;
        let share = heard.share();
        let p50 = quantile(&mut heard.good, 0.5).as_millis();
        let p99 = quantile(&mut heard.good, 0.99).as_millis();
        line.push_str(&format!(
            "  {name} {:.0} % ({:.0} % refused, p50 {p50} ms, p99 {p99} ms)",
            share * 100.0,
            refused * 100.0
        ));
    }
    line
}

fn tenants() -> String {
    let mut text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{EDGE}\"\n\
         [connection]\nconnections_per_address_max = 100000\n\
         [overload]\nlag_ms_max = {LAG_MS_MAX}\n\
         [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{UPSTREAM}\"]\n"
    );
    for (name, priority, _) in TENANTS {
        text.push_str(&format!(
            "[[tenant]]\nname = \"{name}\"\nhosts = [\"{name}.test\"]\npriority = \"{priority}\"\n"
        ));
    }
    for (name, ..) in TENANTS {
        text.push_str(&format!(
            "[[route]]\nname = \"{name}\"\ntenant = \"{name}\"\nto = \"site\"\n"
        ));
    }
    text
}

/// Every tenant asks its share of that many requests a second.
fn asked(per_s: f64) -> Result<Vec<Heard>, Failed> {
    thread::scope(|scope| {
        let clients: Vec<_> = TENANTS
            .iter()
            .map(|(name, _, share)| {
                let pace = Pace {
                    to: SocketAddr::from(([127, 0, 0, 1], EDGE)),
                    request: get(&format!("{name}.test"), "/1k"),
                    per_s: per_s * share,
                    begin: Instant::now() + Duration::from_millis(300),
                    during: seconds(9),
                };
                scope.spawn(move || pooled(&pace, CONNECTIONS_MAX))
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().map_err(|_| Failed("a client ended".into()))?)
            .collect()
    })
}

fn get(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

/// What a refusal costs either side, for each reason.
fn costs(program: &Path, directory: &Path) -> Result<(), Failed> {
    let edge = proxies::edge(program, directory, "refuses", &refuses(directory)?, EDGE)?;
    let target = Target {
        edge: &edge,
        program,
        state: &directory.join("refuses"),
        plain: EDGE,
        tls: EDGE_TLS,
    };
    let attacks = attacks()?;
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); attacks.len()];
    for _ in 0..rounds() {
        for ((reason, _, how), costs) in attacks.iter().zip(&mut costs) {
            costs.push(attack(&target, reason, how, seconds(3))?);
        }
    }
    say("CPU of one refusal, kernel and all:       edge µs  attacker µs   ratio  refusals/s");
    for ((reason, what, _), costs) in attacks.iter().zip(&costs) {
        let of = |of: fn(&Cost) -> f64| median(&costs.iter().map(of).collect::<Vec<f64>>());
        say(&format!(
            "{:<40} {:>9.1} {:>12.1} {:>7.2} {:>11.0}",
            format!("{reason} ({what})"),
            of(|cost| cost.edge_micros),
            of(|cost| cost.attacker_micros),
            of(Cost::ratio),
            of(|cost| cost.per_s),
        ));
    }
    for ((reason, what, how), costs) in attacks.iter().zip(&costs) {
        // A handshake costs whom it is asked of a signature.
        let most = match how {
            Attack::Greets(_) => 5.0,
            _ => 3.0,
        };
        let ratios: Vec<f64> = costs.iter().map(Cost::ratio).collect();
        report(
            &format!("edge: CPU of {reason} ({what}), of the attacker's"),
            "x",
            &ratios,
            Goal::AtMost(most),
        );
    }
    Ok(())
}

/// Reason, how it is brought about, and the same for the program.
type Named = (&'static str, &'static str, Attack);

fn attacks() -> Result<Vec<Named>, Failed> {
    let asks = |host: &str, path: &str| Attack::Asks(get(host, path));
    // It is refused when the first byte too many comes, not when that is announced.
    let body = "POST /body HTTP/1.1\r\nHost: open.test\r\nContent-Length: 1000000\r\n\r\n";
    let body = [body.as_bytes(), &[b'x'; BODY_BYTES_MAX + 1]].concat();
    let head = b"GET / HTTP/1.1\r\nHost: open.test\r\nbad name: x\r\n\r\n";
    let banned = Ipv4Addr::new(127, 0, 0, 9);
    Ok(vec![
        ("address_banned", "connects", Attack::Connects(banned)),
        (
            "connections_per_address",
            "connects",
            Attack::ConnectsBeside(PER_ADDRESS),
        ),
        ("tenant_unknown", "asks", asks("nobody.test", "/")),
        (
            "header_name_malformed",
            "one request",
            Attack::Sends(head.to_vec()),
        ),
        ("limit", "asks", asks("open.test", "/limited")),
        ("tenant_rate", "asks", asks("rated.test", "/")),
        ("challenged", "asks", asks("open.test", "/challenged")),
        ("body_too_large", "sends", Attack::Sends(body)),
        (
            "handshake_failed",
            "no TLS",
            Attack::Greets(get("open.test", "/")),
        ),
        (
            "server_name_unknown",
            "greets",
            Attack::Greets(hello("nobody.test")?),
        ),
        (
            "handshake_failed",
            "greets",
            Attack::Greets(hello("localhost")?),
        ),
        (
            "http2_flood",
            "150 resets",
            Attack::Talks(resets("open.test", 150)),
        ),
    ])
}

/// An edge that has all of these reasons.
fn refuses(directory: &Path) -> Result<String, Failed> {
    proxies::certificate(directory)?;
    fs::write(directory.join("bans"), "127.0.0.9\n").map_err(failed("write a list"))?;
    let at = directory.display();
    let once = "rate = { requests = 1, per_ms = 3600000 }\n";
    let respond = "respond = { status = 200, body = \"ok\" }\n";
    Ok(format!(
        "bans = [\"bans\"]\n\
         [[listen]]\naddress = \"127.0.0.1:{EDGE}\"\nhttp2 = true\n\
         [[listen]]\naddress = \"127.0.0.1:{EDGE_TLS}\"\ntls = true\n\
         [connection]\nconnections_per_address_max = {PER_ADDRESS}\nrequests_max = 1000000000\n\
         [http2]\nresets_per_minute_max = 100\n\
         [overload]\nlag_ms_max = 60000\n\
         [[certificate]]\nchain_file = \"{at}/chain.pem\"\nkey_file = \"{at}/key.pem\"\n\
         [[limit]]\nname = \"once\"\nkey = \"address\"\n{once}\
         [[tenant]]\nname = \"open\"\nhosts = [\"open.test\", \"localhost\"]\n\
         [[tenant]]\nname = \"rated\"\nhosts = [\"rated.test\"]\n{once}\
         [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{UPSTREAM}\"]\n\
         outlier = {{ failures = 0 }}\nbreaker = {{ errors_ppm = 0 }}\n\
         [[route]]\nname = \"limited\"\ntenant = \"open\"\npath = \"/limited\"\nlimits = [\"once\"]\n{respond}\
         [[route]]\nname = \"challenged\"\ntenant = \"open\"\npath = \"/challenged\"\n\
         challenge = {{ bits = 18, valid_ms = 3600000 }}\n{respond}\
         [[route]]\nname = \"body\"\ntenant = \"open\"\npath = \"/body\"\nbody_bytes_max = {BODY_BYTES_MAX}\n\
         to = \"site\"\n\
         [[route]]\nname = \"open\"\ntenant = \"open\"\n{respond}\
         [[route]]\nname = \"rated\"\ntenant = \"rated\"\n{respond}"
    ))
}
