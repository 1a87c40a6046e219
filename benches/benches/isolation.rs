//! Forty tenants of one edge at 30 % of what it can do. Three of them do harm: one asks fifty times
//! what it should, one has an upstream that never answers, one only opens connections. What the
//! other thirty-seven notice, in rounds that alternate with and without the harm.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use benches::open::{Heard, Pace, give_way, go_first, piped, stand_beside, steady};
use benches::proxies::{self, Running, load};
use benches::rig::{Failed, failed};
use benches::scratch::scratch;
use benches::server;
use benches::{Goal, quantile, report, rounds, say};

const UPSTREAM: u16 = 18_180;
const EDGE: u16 = 18_181;
const HANGS: u16 = 18_182;

const TENANTS: usize = 40;
/// Those that do harm, when they do.
const GUILTY: usize = 3;
/// Of what the edge can do, all tenants together ask for this much.
const SHARE: f64 = 0.3;
/// How many times its rate the first tenant asks for.
const FLOOD: f64 = 50.0;
/// Connections that the third opens in a second; the edge closes each when it was silent for long
/// enough.
const OPENED_PER_S: u64 = 300;
/// More late than this, or than half as much again as without the harm, an answer may not be.
const LATE_MS_MAX: f64 = 2.0;
const LATE_TIMES_MAX: f64 = 1.5;

fn main() -> Result<(), Failed> {
    let program = server::build()?;
    stand_beside()?;
    let scratch = scratch().map_err(failed("make a directory"))?;
    let directory = scratch.path();
    let _upstream = proxies::upstream(directory, UPSTREAM)?;
    let hangs = TcpListener::bind(("127.0.0.1", HANGS)).map_err(failed("listen"))?;
    thread::spawn(move || hangs.incoming().flatten().collect::<Vec<TcpStream>>());
    let measured = capacity(&program, directory)?;
    let each = measured * SHARE / TENANTS as f64;
    say(&format!(
        "the edge answers {measured:.0} requests/s; each of {TENANTS} tenants asks {each:.0} times a second"
    ));
    let edge = proxies::edge(&program, directory, "isolation", &tenants(each), EDGE)?;
    let (mut late, mut errors) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let mut alone = innocents(each)?;
        let mut beside = beside_harm(&edge, each)?;
        let (before, after) = (p99_ms(&mut alone), p99_ms(&mut beside));
        say(&format!(
            "the others' p99: {before:.2} ms alone, {after:.2} ms beside; errors {} and {} of {} each",
            alone.refused + alone.lost,
            beside.refused + beside.lost,
            beside.asked()
        ));
        late.push(after / (before * LATE_TIMES_MAX).max(before + LATE_MS_MAX));
        errors.push((beside.refused + beside.lost) as f64);
    }
    report(
        "edge: the others' p99 beside harm, of what it may be",
        "x",
        &late,
        Goal::AtMost(1.0),
    );
    // One error in any round is one too many.
    report(
        "edge: the others' errors beside harm, all rounds",
        "",
        &[errors.iter().sum()],
        Goal::AtMost(0.0),
    );
    Ok(())
}

/// What an edge without any of this answers in a second.
fn capacity(program: &Path, directory: &Path) -> Result<f64, Failed> {
    let config = format!(
        "[[listen]]\naddress = \"127.0.0.1:{EDGE}\"\n\
         [[upstream]]\nname = \"good\"\nservers = [\"127.0.0.1:{UPSTREAM}\"]\n\
         [[route]]\nname = \"all\"\nto = \"good\"\n"
    );
    let edge = proxies::edge(program, directory, "capacity", &config, EDGE)?;
    let load = load(&edge, &format!("http://127.0.0.1:{EDGE}/1k"), 3, &[])?;
    match load.bad {
        0 => Ok(load.requests_per_s),
        bad => Err(Failed(format!("{bad} requests went wrong"))),
    }
}

/// Each tenant may ask three times what it asks.
fn tenants(each: f64) -> String {
    let rate = (each * 3.0).ceil() as u64;
    let mut text = format!(
        "[[listen]]\naddress = \"127.0.0.1:{EDGE}\"\n\
         [connection]\nconnections_per_address_max = 100000\n\
         [[upstream]]\nname = \"good\"\nservers = [\"127.0.0.1:{UPSTREAM}\"]\n\
         [[upstream]]\nname = \"hangs\"\nservers = [\"127.0.0.1:{HANGS}\"]\nanswer_ms = 2000\n"
    );
    for number in 0..TENANTS {
        text.push_str(&format!(
            "[[tenant]]\nname = \"t{number}\"\nhosts = [\"t{number}.test\"]\n\
             requests_concurrent_max = 50\nconnections_max = 200\n\
             rate = {{ requests = {rate}, per_ms = 1000 }}\n"
        ));
    }
    for number in 0..TENANTS {
        let to = if number == 1 { "hangs" } else { "good" };
        text.push_str(&format!(
            "[[route]]\nname = \"r{number}\"\ntenant = \"t{number}\"\nto = \"{to}\"\n"
        ));
    }
    text
}

fn during() -> Duration {
    Duration::from_secs(if rounds() < 3 { 4 } else { 10 })
}

fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], EDGE))
}

fn pace(tenant: usize, per_s: f64) -> Pace {
    // They don't ask all at once.
    let offset = Duration::from_secs_f64(tenant as f64 / TENANTS as f64 / per_s.max(1.0));
    Pace {
        to: address(),
        request: format!("GET /1k HTTP/1.1\r\nHost: t{tenant}.test\r\n\r\n").into_bytes(),
        per_s,
        begin: Instant::now() + Duration::from_millis(100) + offset,
        during: during(),
    }
}

/// Those who do no harm, each with a thread and a connection of its own.
fn innocents(each: f64) -> Result<Heard, Failed> {
    let clients: Vec<_> = (GUILTY..TENANTS)
        .map(|tenant| {
            thread::spawn(move || {
                go_first()?;
                steady(&pace(tenant, each))
            })
        })
        .collect();
    let mut all = Heard::default();
    for client in clients {
        let heard = client.join().map_err(|_| Failed("a client ended".into()))?;
        all = all.and(heard?);
    }
    Ok(all)
}

/// The same while three do harm.
fn beside_harm(edge: &Running, each: f64) -> Result<Heard, Failed> {
    let stop = AtomicBool::new(false);
    let opened = AtomicU64::new(0);
    let cpu = edge.cpu_micros();
    let all = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            give_way()?;
            piped(&pace(0, each * FLOOD), 16, &stop)
        });
        let hangs = scope.spawn(|| {
            give_way()?;
            piped(&pace(1, each), 64, &stop)
        });
        scope.spawn(|| give_way().map(|()| opens(&stop, &opened)));
        let all = innocents(each);
        stop.store(true, Relaxed);
        for (name, client) in [("floods", flood), ("hangs", hangs)] {
            let heard = client
                .join()
                .map_err(|_| Failed("a client ended".into()))??;
            say(&format!(
                "the one that {name}: {} answered, {} refused, {} without an answer",
                heard.good.len(),
                heard.refused,
                heard.lost
            ));
        }
        all
    })?;
    let took = (edge.cpu_micros() - cpu) as f64 / 1e6;
    say(&format!(
        "{} connections opened; the edge took {took:.1} s of CPU in {:.0} s",
        opened.load(Relaxed),
        during().as_secs_f64()
    ));
    Ok(all)
}

/// Opens connections and says nothing.
fn opens(stop: &AtomicBool, opened: &AtomicU64) {
    let mut held = Vec::new();
    while !stop.load(Relaxed) {
        // One that is refused is no harm done.
        if let Ok(stream) = TcpStream::connect(address()) {
            held.push(stream);
            opened.fetch_add(1, Relaxed);
        }
        sleep(Duration::from_micros(1_000_000 / OPENED_PER_S));
    }
}

fn p99_ms(heard: &mut Heard) -> f64 {
    quantile(&mut heard.good, 0.99).as_secs_f64() * 1e3
}
