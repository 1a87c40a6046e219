//! The console: how large the page of a long incident is and how soon it comes, how soon an act is on
//! another screen, and what a thousand open pages take.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use benches::browser::Browser;
use benches::rig::{Failed, failed};
use benches::scratch::scratch;
use benches::server::{self, Connection, Server};
use benches::{Goal, quantile, report, rounds, say};

/// Acts of the incident whose page is asked for.
const ACTS: usize = 10_000;

/// Connections that fill it.
const WRITERS: usize = 16;

/// Pages asked for in a round.
const PAGES: usize = 300;

/// Pages that Chromium paints in a round.
const PAINTS: usize = 21;

/// Acts that are waited for on another screen in a round.
const SEEN: usize = 100;

/// Pages that are open at once.
const OPEN: u16 = 1_000;

const MIB: f64 = 1_048_576.0;

fn main() -> Result<(), Failed> {
    let program = server::build()?;
    let directory = scratch().map_err(failed("make a directory"))?;
    let data = directory.path().join("data");
    server::configure(&data, "bench.example/log")?;
    let server = Server::start(&program, &data)?;
    let cookie = sign_in(&program, &data, &server, "sample")?;
    fill(&mut server.local()?)?;
    fill_up(&server)?;
    let browser = Browser::signed_in(&link(&program, &data, "sample")?)?;
    let page = format!("http://{}/incidents/INC-1", server.address());
    let (mut times, mut seen, mut painted) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds() {
        times.push(pages(&server, &cookie)?);
        seen.push(other_screen(&server, &cookie, round)?);
        painted.push(first_paint(&browser, &page)?);
    }
    drop(browser);
    let bytes = weight(&server, &cookie)?;
    say(&format!(
        "an incident of {ACTS} acts, with a session, over loopback"
    ));
    report(
        "console: the incident's page with everything",
        "KiB",
        &[bytes / 1_024.0],
        Goal::AtMost(50.0),
    );
    report(
        "console: p99 of the incident's page",
        "ms",
        &times,
        Goal::AtMost(50.0),
    );
    report(
        "console: the page's first paint in Chromium (median of 21)",
        "ms",
        &painted,
        Goal::AtMost(300.0),
    );
    report(
        "console: p99 from an act to the page on another screen",
        "ms",
        &seen,
        Goal::AtMost(1_000.0),
    );
    let before = server.resident_bytes()?;
    let open = open_pages(&server, &cookie)?;
    sleep(Duration::from_secs(2));
    let after = server.resident_bytes()?;
    say(&format!("resident before {:.1} MiB", before as f64 / MIB));
    report(
        "console: resident with 1,000 open live pages",
        "MiB",
        &[after as f64 / MIB],
        Goal::AtMost(200.0),
    );
    drop(open);
    server.stop()
}

/// The middle of the times until something of the page is painted.
fn first_paint(browser: &Browser, page: &str) -> Result<f64, Failed> {
    let mut took = Vec::with_capacity(PAINTS);
    for _ in 0..PAINTS {
        took.push(Duration::from_secs_f64(browser.first_paint_ms(page)? / 1e3));
    }
    Ok(quantile(&mut took, 0.5).as_secs_f64() * 1e3)
}

/// A link to sign in with.
fn link(program: &Path, data: &Path, person: &str) -> Result<String, Failed> {
    let output = Command::new(program)
        .args(["login", "--for", person, "--data-dir"])
        .arg(data)
        .output()
        .map_err(failed("run hereby"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Signs in as a browser does; the cookie.
fn sign_in(program: &Path, data: &Path, server: &Server, person: &str) -> Result<String, Failed> {
    let link = link(program, data, person)?;
    let code = link.trim().rsplit('#').next().unwrap_or_default();
    let body = format!("code={code}");
    let mut stream = TcpStream::connect(server.address()).map_err(failed("connect"))?;
    let ask = format!(
        "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(ask.as_bytes()).map_err(failed("send"))?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .map_err(failed("read an answer"))?;
    let cookie = answer
        .split("set-cookie: ")
        .nth(1)
        .and_then(|it| it.split(';').next());
    cookie
        .map(str::to_owned)
        .ok_or_else(|| Failed(format!("no session began: {answer}")))
}

fn command(connection: &mut Connection, name: &str, id: &str, body: &str) -> Result<(), Failed> {
    let headers = [
        ("Idempotency-Key", id),
        ("Content-Type", "application/json"),
    ];
    let path = format!("/api/v1/commands/{name}");
    match connection.ask("POST", &path, &headers, body)? {
        (200, _) => Ok(()),
        (status, said) => Err(Failed(format!("{name}: {status} {said}"))),
    }
}

fn fill(connection: &mut Connection) -> Result<(), Failed> {
    command(
        connection,
        "incident.declare",
        "declare",
        r#"{"severity":2,"title":"checkout fails"}"#,
    )?;
    for task in 0..30 {
        let body = format!(
            r#"{{"incident":"INC-1","text":"task {task} of a long night","owner":"sample"}}"#
        );
        command(
            connection,
            "incident.open_task",
            &format!("task/{task}"),
            &body,
        )?;
    }
    Ok(())
}

/// The rest of it, by several at once: what is written together is synced together.
fn fill_up(server: &Server) -> Result<(), Failed> {
    let notes = ACTS.saturating_sub(31);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WRITERS)
            .map(|worker| {
                scope.spawn(move || {
                    let mut connection = server.local()?;
                    for note in (worker..notes).step_by(WRITERS) {
                        let text = format!(
                            "note {note}: the queue of orders grows, and the new client times out again"
                        );
                        let body = format!(r#"{{"incident":"INC-1","text":"{text}"}}"#);
                        // A caller on the local socket may send 500 a second; whoever is refused
                        // waits.
                        let id = format!("note/{note}");
                        while command(&mut connection, "incident.note", &id, &body).is_err() {
                            sleep(Duration::from_millis(50));
                        }
                    }
                    Ok::<_, Failed>(())
                })
            })
            .collect();
        for worker in workers {
            worker
                .join()
                .map_err(|_| Failed("a writer panicked".to_owned()))??;
        }
        Ok(())
    })
}

/// Milliseconds that 99 of 100 pages did not exceed.
fn pages(server: &Server, cookie: &str) -> Result<f64, Failed> {
    let mut connection = server.tcp()?;
    let mut took = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        let begun = Instant::now();
        let (status, page) =
            connection.ask("GET", "/incidents/INC-1", &[("Cookie", cookie)], "")?;
        took.push(begun.elapsed());
        if status != 200 || !page.contains("INC-1") {
            return Err(Failed(format!("the page: {status}")));
        }
    }
    Ok(quantile(&mut took, 0.99).as_secs_f64() * 1e3)
}

/// A stream that a page listens to.
fn listen(server: &Server, cookie: &str, seen: u64) -> Result<BufReader<TcpStream>, Failed> {
    let mut stream = TcpStream::connect(server.address()).map_err(failed("connect"))?;
    let ask = format!(
        "GET /live?incident=INC-1&seen={seen} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).map_err(failed("send"))?;
    Ok(BufReader::new(stream))
}

/// Milliseconds from asking for an act until another screen has fetched the page with it, which 99
/// of 100 did not exceed.
fn other_screen(server: &Server, cookie: &str, round: usize) -> Result<f64, Failed> {
    let mut sender = server.local()?;
    let mut reader = server.tcp()?;
    let mut stream = listen(server, cookie, 0)?;
    // What was there before.
    let mut acts = next(&mut stream, 0)?;
    let mut took = Vec::with_capacity(SEEN);
    for n in 0..SEEN {
        let text = format!("seen {round} {n}");
        let begun = Instant::now();
        let body = format!(r#"{{"incident":"INC-1","text":"{text}"}}"#);
        command(
            &mut sender,
            "incident.note",
            &format!("seen/{round}/{n}"),
            &body,
        )?;
        acts = next(&mut stream, acts)?;
        let page = reader.ask("GET", "/incidents/INC-1", &[("Cookie", cookie)], "")?;
        if !page.1.contains(&text) {
            return Err(Failed(format!("the page does not show `{text}`")));
        }
        took.push(begun.elapsed());
    }
    Ok(quantile(&mut took, 0.99).as_secs_f64() * 1e3)
}

/// Waits until the stream tells of more than `known` acts.
fn next(stream: &mut BufReader<TcpStream>, known: u64) -> Result<u64, Failed> {
    loop {
        let mut line = String::new();
        if stream
            .read_line(&mut line)
            .map_err(failed("read a stream"))?
            == 0
        {
            return Err(Failed("the stream ended".to_owned()));
        }
        let acts = line
            .strip_prefix("data: ")
            .and_then(|it| it.trim().parse().ok());
        if let Some(acts) = acts.filter(|acts| *acts > known) {
            return Ok(acts);
        }
    }
}

/// Bytes of the page, its style and its script.
fn weight(server: &Server, cookie: &str) -> Result<f64, Failed> {
    let mut connection = server.tcp()?;
    let (_, page) = connection.ask("GET", "/incidents/INC-1", &[("Cookie", cookie)], "")?;
    let mut all = page.len();
    let assets = page.split('"').filter(|part| part.starts_with("/assets/"));
    // A browser fetches each once.
    let assets: std::collections::BTreeSet<&str> = assets.collect();
    for path in assets {
        all += connection.ask("GET", path, &[], "")?.1.len();
    }
    Ok(all as f64)
}

/// A thousand streams, as if from eight machines: one address may have 128 connections.
fn open_pages(server: &Server, cookie: &str) -> Result<Vec<TcpStream>, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("start a runtime"))?;
    let to: SocketAddr = server
        .address()
        .parse()
        .map_err(failed("read the address"))?;
    let mut open = Vec::new();
    for n in 0..OPEN {
        let host = u8::try_from(n / 120).unwrap_or(0) + 2;
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from(([127, 0, 0, host], 0)))?;
            socket.connect(to).await?.into_std()
        });
        let mut stream = stream.map_err(failed("connect"))?;
        stream.set_nonblocking(false).map_err(failed("connect"))?;
        let ask = format!(
            "GET /live?incident=INC-1&seen=99999999 HTTP/1.1\r\nHost: localhost\r\n\
             Cookie: {cookie}\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).map_err(failed("send"))?;
        let mut first = [0; 15];
        stream
            .read_exact(&mut first)
            .map_err(failed("read a stream"))?;
        if !first.ends_with(b"200 OK") {
            let said = String::from_utf8_lossy(&first).into_owned();
            return Err(Failed(format!("page {n} is not open: {said}")));
        }
        open.push(stream);
    }
    Ok(open)
}
