//! The edge against nginx, HAProxy and bare Pingora: alternating rounds, medians. What a policy
//! costs, what a refusal costs, TLS, memory.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use benches::proxies::{self, Load, Running, load};
use benches::rig::{Failed, failed};
use benches::scratch::{scratch, target_dir};
use benches::server;
use benches::{Goal, report, rounds, say};

const UPSTREAM: u16 = 18_080;
const NGINX: u16 = 18_081;
const NGINX_TLS: u16 = 18_082;
const HAPROXY: u16 = 18_083;
const PINGORA: u16 = 18_084;
const EDGE: u16 = 18_085;
const EDGE_TLS: u16 = 18_086;
const EDGE_ALL: u16 = 18_087;
const EDGE_REFUSES: u16 = 18_088;
const EDGE_MANY: u16 = 18_089;
const EDGE_BANS: u16 = 18_090;

/// How long each is loaded in a round.
const SECONDS: u32 = 4;
/// Connections with a handshake each, and how many of them a second.
const HANDSHAKES: u32 = 3_200;
const HANDSHAKES_PER_10_MS: u32 = 10;
/// Connections that stay idle after a request each.
const IDLE: usize = 5_000;
const TENANTS: usize = 10_000;
const KIB: f64 = 1_024.0;

fn main() -> Result<(), Failed> {
    let program = server::build()?;
    let scratch = scratch().map_err(failed("make a directory"))?;
    let directory = scratch.path();
    proxies::certificate(directory)?;
    let _upstream = proxies::upstream(directory, UPSTREAM)?;
    let field = Field {
        nginx: proxies::nginx(directory, NGINX, NGINX_TLS, UPSTREAM)?,
        haproxy: proxies::haproxy(directory, HAPROXY, UPSTREAM)?,
        pingora: proxies::pingora(&target_dir(), PINGORA, UPSTREAM)?,
        bare: proxies::edge(&program, directory, "bare", &bare(directory), EDGE)?,
        all: proxies::edge(&program, directory, "all", &all(), EDGE_ALL)?,
        refuses: proxies::edge(&program, directory, "refuses", &refuses(), EDGE_REFUSES)?,
        bans: proxies::edge(&program, directory, "bans", &bans(directory)?, EDGE_BANS)?,
    };
    speed(&field)?;
    tls(&field)?;
    refusals(&field)?;
    banned(&field, &program, directory)?;
    memory(&program, directory)
}

struct Field {
    nginx: Running,
    haproxy: Running,
    pingora: Running,
    bare: Running,
    all: Running,
    refuses: Running,
    bans: Running,
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/1k")
}

/// No policy but what can't be turned off: framing, deadlines, caps.
fn bare(directory: &Path) -> String {
    let at = directory.display();
    format!(
        "[[listen]]\naddress = \"127.0.0.1:{EDGE}\"\n\
         [[listen]]\naddress = \"127.0.0.1:{EDGE_TLS}\"\ntls = true\nhttp2 = false\n\
         [connection]\nconnections_max = {0}\nconnections_per_address_max = {0}\n\
         [[certificate]]\nchain_file = \"{at}/chain.pem\"\nkey_file = \"{at}/key.pem\"\n{1}",
        HANDSHAKES + 100,
        site("")
    )
}

fn site(more: &str) -> String {
    format!(
        "[[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{UPSTREAM}\"]\n\
         [[route]]\nname = \"all\"\nto = \"site\"\n{more}"
    )
}

/// Everything that judges a request: rates and shares of a tenant, eight limits, bans, probes, a
/// second tier, the log.
fn all() -> String {
    let limits: String = [
        "tenant",
        "route",
        "address",
        "header:user-agent",
        "header:x-api-key",
    ]
    .iter()
    .enumerate()
    .map(|(place, key)| {
        format!(
            "[[limit]]\nname = \"l{place}\"\nkey = \"{key}\"\n\
                 rate = {{ requests = 100000000, per_ms = 1000 }}\nkeys_max = 10000\n"
        )
    })
    .collect();
    format!(
        "[[listen]]\naddress = \"127.0.0.1:{EDGE_ALL}\"\n\
         [access_log]\npath = \"/dev/null\"\nsample_ppm = 10000\n\
         [[tenant]]\nname = \"site\"\nhosts = [\"*\"]\npriority = \"critical\"\n\
         rate = {{ requests = 100000000, per_ms = 1000 }}\nbytes_per_s_max = 100000000000\n\
         {limits}{}limits = [\"l0\", \"l1\", \"l2\", \"l3\", \"l4\"]\n\
         mirror = {{ directory = \"www\" }}\n",
        site("tenant = \"site\"\n")
    )
}

/// Everything but a hundred requests a second is over the limit.
fn refuses() -> String {
    format!(
        "[[listen]]\naddress = \"127.0.0.1:{EDGE_REFUSES}\"\n\
         [[limit]]\nname = \"few\"\nkey = \"address\"\n\
         rate = {{ requests = 100, per_ms = 1000 }}\n{}",
        site("limits = [\"few\"]\n")
    )
}

/// Everybody here is banned.
fn bans(directory: &Path) -> Result<String, Failed> {
    fs::write(directory.join("bans.txt"), "127.0.0.1\n").map_err(failed("write a file"))?;
    Ok(format!(
        "bans = [\"bans.txt\"]\n[[listen]]\naddress = \"127.0.0.1:{EDGE_BANS}\"\n{}",
        site("")
    ))
}

fn ratio(ours: &[Load], theirs: &[Load], of: impl Fn(&Load) -> f64) -> Vec<f64> {
    ours.iter()
        .zip(theirs)
        .map(|(ours, theirs)| of(ours) / of(theirs))
        .collect()
}

fn shown(name: &str, loads: &[Load]) {
    let median =
        |of: fn(&Load) -> f64| benches::median(&loads.iter().map(of).collect::<Vec<f64>>());
    say(&format!(
        "{name:<24} {:>9.0} requests/s  p50 {:>6.2} ms  p99 {:>6.2} ms  {:>6.2} µs CPU each",
        median(|load| load.requests_per_s),
        median(|load| load.p50_ms),
        median(|load| load.p99_ms),
        median(|load| load.cpu_micros_each),
    ));
}

fn good(load: Load) -> Result<Load, Failed> {
    match load.bad {
        0 => Ok(load),
        bad => Err(Failed(format!("{bad} requests were not answered well"))),
    }
}

fn speed(field: &Field) -> Result<(), Failed> {
    let (mut nginx, mut haproxy, mut pingora) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bare, mut all) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        nginx.push(good(load(&field.nginx, &url(NGINX), SECONDS, &[])?)?);
        bare.push(good(load(&field.bare, &url(EDGE), SECONDS, &[])?)?);
        pingora.push(good(load(&field.pingora, &url(PINGORA), SECONDS, &[])?)?);
        all.push(good(load(&field.all, &url(EDGE_ALL), SECONDS, &[])?)?);
        haproxy.push(good(load(&field.haproxy, &url(HAPROXY), SECONDS, &[])?)?);
    }
    for (name, loads) in [
        ("nginx", &nginx),
        ("HAProxy", &haproxy),
        ("bare Pingora", &pingora),
        ("edge, no policies", &bare),
        ("edge, all policies", &all),
    ] {
        shown(name, loads);
    }
    let rate = |load: &Load| load.requests_per_s;
    let speed = ratio(&bare, &pingora, rate);
    report(
        "edge: requests/s, no policies, of bare Pingora's",
        "x",
        &speed,
        Goal::AtLeast(0.95),
    );
    let speed = ratio(&all, &pingora, rate);
    report(
        "edge: requests/s, all policies, of bare Pingora's",
        "x",
        &speed,
        Goal::AtLeast(0.85),
    );
    let more: Vec<f64> = all
        .iter()
        .zip(&pingora)
        .map(|(all, pingora)| all.cpu_micros_each - pingora.cpu_micros_each)
        .collect();
    report(
        "edge: CPU for all policies beyond bare Pingora",
        "µs",
        &more,
        Goal::AtMost(5.0),
    );
    let slowest = ratio(&all, &pingora, |load| load.p99_ms);
    report(
        "edge: p99, all policies, of bare Pingora's",
        "x",
        &slowest,
        Goal::AtMost(2.0),
    );
    let speed = ratio(&bare, &nginx, rate);
    report(
        "edge: requests/s, no policies, of nginx's",
        "x",
        &speed,
        Goal::AtLeast(0.5),
    );
    Ok(())
}

fn tls(field: &Field) -> Result<(), Failed> {
    let https = |port: u16| format!("https://localhost:{port}/1k");
    let (mut nginx, mut edge) = (Vec::new(), Vec::new());
    let (mut nginx_full, mut edge_full) = (Vec::new(), Vec::new());
    let (mut nginx_new, mut edge_new) = (Vec::new(), Vec::new());
    let full = |on: &Running, port: u16| {
        proxies::handshakes(on, &https(port), HANDSHAKES, HANDSHAKES_PER_10_MS)
    };
    // A connection for each request; wrk resumes its session.
    let close = ["-H", "Connection: close"];
    for _ in 0..rounds() {
        nginx.push(good(load(&field.nginx, &https(NGINX_TLS), SECONDS, &[])?)?);
        edge.push(good(load(&field.bare, &https(EDGE_TLS), SECONDS, &[])?)?);
        nginx_full.push(full(&field.nginx, NGINX_TLS)?);
        edge_full.push(full(&field.bare, EDGE_TLS)?);
        nginx_new.push(load(&field.nginx, &https(NGINX_TLS), SECONDS, &close)?);
        edge_new.push(load(&field.bare, &https(EDGE_TLS), SECONDS, &close)?);
    }
    shown("nginx, TLS", &nginx);
    shown("edge, TLS", &edge);
    shown("nginx, resumed TLS", &nginx_new);
    shown("edge, resumed TLS", &edge_new);
    let speed = ratio(&edge, &nginx, |load| load.requests_per_s);
    report(
        "edge: requests/s over TLS, of nginx's",
        "x",
        &speed,
        Goal::AtLeast(0.5),
    );
    let cheap: Vec<f64> = std::iter::zip(&nginx_full, &edge_full)
        .map(|(nginx, edge)| nginx / edge)
        .collect();
    say(&format!(
        "a new TLS connection: nginx {:.0} µs CPU, the edge {:.0}",
        benches::median(&nginx_full),
        benches::median(&edge_full)
    ));
    report(
        "edge: new TLS connections for its CPU, of nginx's",
        "x",
        &cheap,
        Goal::AtLeast(1.0),
    );
    let cheap = ratio(&nginx_new, &edge_new, |load| load.cpu_micros_each);
    report(
        "edge: resumed TLS connections for its CPU, of nginx's",
        "x",
        &cheap,
        Goal::AtLeast(1.0),
    );
    Ok(())
}

fn refusals(field: &Field) -> Result<(), Failed> {
    let (mut proxied, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        proxied.push(good(load(&field.bare, &url(EDGE), SECONDS, &[])?)?);
        refused.push(load(&field.refuses, &url(EDGE_REFUSES), SECONDS, &[])?);
    }
    shown("edge, proxied", &proxied);
    shown("edge, over the limit", &refused);
    let cheap = ratio(&proxied, &refused, |load| load.cpu_micros_each);
    report(
        "edge: refusals for the CPU of a proxied request",
        "x",
        &cheap,
        Goal::AtLeast(3.0),
    );
    Ok(())
}

/// A connection that is banned against one with a request that is passed on.
fn banned(field: &Field, program: &Path, directory: &Path) -> Result<(), Failed> {
    let close = ["-H", "Connection: close"];
    let state = directory.join("bans");
    let (mut cheaper, mut more) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let proxied = load(&field.bare, &url(EDGE), SECONDS, &close)?;
        let (before, cpu) = (
            proxies::refused(program, &state, "address_banned")?,
            field.bans.cpu_micros(),
        );
        // It connects again and again, and never gets an answer.
        proxies::knock(&url(EDGE_BANS), SECONDS)?;
        let cpu = (field.bans.cpu_micros() - cpu) as f64;
        let refused = proxies::refused(program, &state, "address_banned")? - before;
        let refused = refused as f64;
        cheaper.push(proxied.cpu_micros_each / (cpu / refused));
        more.push(refused / f64::from(SECONDS) / proxied.requests_per_s);
        say(&format!(
            "banned: {:.0} connections/s, {:.1} µs CPU each; passed on: {:.0}/s, {:.1} µs",
            refused / f64::from(SECONDS),
            cpu / refused,
            proxied.requests_per_s,
            proxied.cpu_micros_each
        ));
    }
    report(
        "edge: banned connections for the CPU of one with a proxied request",
        "x",
        &cheaper,
        Goal::AtLeast(3.0),
    );
    report(
        "edge: banned connections/s, of those with a proxied request",
        "x",
        &more,
        Goal::AtLeast(1.0),
    );
    Ok(())
}

fn memory(program: &Path, directory: &Path) -> Result<(), Failed> {
    let listen = format!("[[listen]]\naddress = \"127.0.0.1:{EDGE_MANY}\"\n");
    let caps = format!(
        "[connection]\nconnections_max = {0}\nconnections_per_address_max = {0}\n",
        IDLE + 100
    );
    let one = proxies::edge(
        program,
        directory,
        "one",
        &format!("{listen}{caps}{}", site("")),
        EDGE_MANY,
    )?;
    let before = one.resident_bytes();
    let mut idle = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        let mut stream = TcpStream::connect(("127.0.0.1", EDGE_MANY)).map_err(failed("connect"))?;
        let time = Some(Duration::from_secs(10));
        stream
            .set_read_timeout(time)
            .map_err(failed("set a time"))?;
        stream
            .write_all(b"GET /1k HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .map_err(failed("ask"))?;
        let mut answer = [0; 4_096];
        let mut read = 0;
        while read < 1_024 {
            match stream.read(&mut answer).map_err(failed("hear"))? {
                0 => return Err(Failed("an idle connection was closed".to_owned())),
                size => read += size,
            }
        }
        idle.push(stream);
    }
    let each = (one.resident_bytes().saturating_sub(before)) as f64 / IDLE as f64 / KIB;
    report(
        "edge: memory of an idle connection",
        "KiB",
        &[each],
        Goal::AtMost(10.0),
    );
    drop(idle);
    drop(one);
    let config = format!("{listen}{}", site(""));
    let few = proxies::edge(program, directory, "few", &config, EDGE_MANY)?.resident_bytes();
    let mut config = listen;
    for number in 0..TENANTS {
        config.push_str(&format!(
            "[[tenant]]\nname = \"t{number}\"\nhosts = [\"t{number}.example\"]\n\
             [[route]]\nname = \"r{number}\"\ntenant = \"t{number}\"\nto = \"site\"\n"
        ));
    }
    config.push_str(&format!(
        "[[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{UPSTREAM}\"]\n"
    ));
    let many = proxies::edge(program, directory, "many", &config, EDGE_MANY)?;
    let all = (many.resident_bytes().saturating_sub(few)) as f64 / KIB / KIB;
    report(
        "edge: memory of 10,000 idle tenants",
        "MiB",
        &[all],
        Goal::AtMost(20.0),
    );
    drop(many);
    let _ = fs::remove_file(directory.join("many.toml"));
    Ok(())
}
