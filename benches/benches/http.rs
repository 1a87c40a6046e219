//! 1,000 commands a second through the real server, sent when they are due whether or not earlier
//! ones were answered: how long each takes from the moment it was due.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use benches::quiet::undisturbed;
use benches::rig::{Failed, failed};
use benches::scratch::scratch;
use benches::server::{self, Connection, Server};
use benches::{Goal, quantile, report, rounds, say};

/// Commands a second, over all connections.
const RATE: u32 = 1_000;

/// Connections, each with a token of its own: a caller may send 50 commands a second.
const CONNECTIONS: u32 = 40;

/// How long a round goes on.
const SUSTAINED: Duration = Duration::from_secs(5);

fn main() -> Result<(), Failed> {
    let program = server::build()?;
    let directory = scratch().map_err(failed("make a directory"))?;
    let data = directory.path().join("data");
    server::configure(&data, "bench.example/log")?;
    let server = Server::start(&program, &data)?;
    let mut tokens = Vec::new();
    for number in 0..CONNECTIONS {
        tokens.push(server.token(&program, &format!("sample-{number}"))?);
    }
    declare(&mut server.local()?)?;
    let pids = [server.pid()];
    let (mut local, mut tcp) = (Vec::new(), Vec::new());
    for number in 0..rounds() {
        let over = |kind: &str, connect: &dyn Fn() -> Result<Connection, Failed>| {
            undisturbed(&pids, || {
                round(&format!("{kind}-{number}"), connect, &tokens)
            })
        };
        local.push(over("local", &|| server.local())?);
        tcp.push(over("tcp", &|| server.tcp())?);
    }
    server.stop()?;
    for (name, rounds) in [("local socket", &local), ("loopback TCP", &tcp)] {
        let p50: Vec<f64> = rounds.iter().map(|it| it.0).collect();
        let p99: Vec<f64> = rounds.iter().map(|it| it.1).collect();
        let p50 = benches::median(&p50);
        say(&format!(
            "{name}: {RATE} commands/s for {SUSTAINED:?}, p50 {p50:.2} ms"
        ));
        let name = format!("http: p99 at 1,000 commands/s, {name}");
        report(&name, "ms", &p99, Goal::AtMost(5.0));
    }
    Ok(())
}

fn declare(connection: &mut Connection) -> Result<(), Failed> {
    let headers = [
        ("Idempotency-Key", "declare"),
        ("Content-Type", "application/json"),
    ];
    let body = r#"{"severity":2,"title":"checkout fails"}"#;
    let path = "/api/v1/commands/incident.declare";
    match connection.ask("POST", path, &headers, body)? {
        (200, _) => Ok(()),
        (status, said) => Err(Failed(format!("declaring: {status} {said}"))),
    }
}

/// Milliseconds that half, and 99 of 100, of the commands did not exceed.
fn round(
    name: &str,
    connect: &dyn Fn() -> Result<Connection, Failed>,
    tokens: &[String],
) -> Result<(f64, f64), Failed> {
    // Ids are used once, also when a round is done again.
    let begun = Instant::now();
    let unique = format!("{name}-{:?}", std::time::SystemTime::now());
    let unique: String = unique.chars().filter(char::is_ascii_alphanumeric).collect();
    let start = Barrier::new(tokens.len());
    let mut connections = Vec::new();
    for token in tokens {
        connections.push((connect()?, token));
    }
    let mut each = thread::scope(|scope| {
        let senders: Vec<_> = (0_u32..)
            .zip(connections)
            .map(|(number, (connection, token))| {
                let (start, unique) = (&start, &unique);
                scope.spawn(move || {
                    start.wait();
                    sender(connection, token, unique, number)
                })
            })
            .collect();
        let mut each = Vec::new();
        for sender in senders {
            let sent = sender
                .join()
                .map_err(|_| Failed("a sender panicked".to_owned()))?;
            each.extend(sent?);
        }
        Ok(each)
    })?;
    let late = begun.elapsed().saturating_sub(SUSTAINED);
    if late > Duration::from_secs(2) {
        say(&format!("the round took {late:?} longer than it should"));
    }
    let ms = |share, each: &mut [Duration]| quantile(each, share).as_secs_f64() * 1e3;
    Ok((ms(0.5, &mut each), ms(0.99, &mut each)))
}

/// Sends every [`CONNECTIONS`]th command at its time; how long each took from that time on.
fn sender(
    mut connection: Connection,
    token: &str,
    unique: &str,
    number: u32,
) -> Result<Vec<Duration>, Failed> {
    let text = "the queue grows while consumers time out; ".repeat(6);
    let body = format!(r#"{{"incident":"INC-1","text":"{text}"}}"#);
    let bearer = format!("Bearer {token}");
    let begin = Instant::now();
    let mut each = Vec::new();
    let mut due = Duration::from_secs(1) * number / RATE;
    while due < SUSTAINED {
        thread::sleep(due.saturating_sub(begin.elapsed()));
        let id = format!("{unique}-{number}-{}", each.len());
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Idempotency-Key", &id),
            ("Content-Type", "application/json"),
        ];
        let said = connection.ask("POST", "/api/v1/commands/incident.note", &headers, &body)?;
        if said.0 != 200 {
            return Err(Failed(format!("a note: {} {}", said.0, said.1)));
        }
        each.push(begin.elapsed().saturating_sub(due));
        due += Duration::from_secs(1) * CONNECTIONS / RATE;
    }
    Ok(each)
}
