//! One appender against the bare disk, and how long 64 of them wait, also on a busy machine.

use std::sync::Arc;

use benches::load::{self, Busy, raw_append};
use benches::quiet::undisturbed;
use benches::rig::{Failed, Priority, Rig, failed, may_raise};
use benches::scratch::scratch;
use benches::{Goal, median, report, rounds, say};

const APPENDERS: usize = 64;

/// What a round came to, in commits a second and milliseconds.
#[derive(Clone, Copy, Default)]
struct Round {
    raw: f64,
    raw_p99: f64,
    one: f64,
    one_p99: f64,
    many: f64,
    many_p99: f64,
    busy_one: f64,
    busy_one_p99: f64,
    busy_many: f64,
    busy_many_p99: f64,
}

fn main() -> Result<(), Failed> {
    let raised = may_raise();
    let bytes = bytes_per_commit()?;
    say(&format!("{bytes} bytes for each commit of one act"));
    let mut all = Vec::new();
    for number in 0..rounds() {
        all.push(undisturbed(&[], || measure(number, bytes, raised))?);
    }
    let of = |figure: fn(&Round) -> f64| all.iter().map(figure).collect::<Vec<f64>>();
    let tell = |name: &str, per_second: fn(&Round) -> f64, p99: fn(&Round) -> f64| {
        let (per_second, p99) = (median(&of(per_second)), median(&of(p99)));
        say(&format!("{name:<44} {per_second:>9.0}/s   p99 {p99:.3} ms"));
    };
    tell("bare append + fdatasync", |it| it.raw, |it| it.raw_p99);
    tell("one appender", |it| it.one, |it| it.one_p99);
    tell("64 appenders", |it| it.many, |it| it.many_p99);
    let ratio = of(|it| it.one / it.raw);
    report(
        "append: 1 appender / bare append + fdatasync",
        "x",
        &ratio,
        Goal::AtLeast(0.85),
    );
    let ratio = of(|it| it.many_p99 / it.raw_p99);
    report(
        "append: p99 of 64 appenders / bare p99",
        "x",
        &ratio,
        Goal::AtMost(5.0),
    );
    if !raised {
        say("with busy loops: not measured, this process may not raise a thread's priority");
        return Ok(());
    }
    tell(
        "one appender, two busy loops per core",
        |it| it.busy_one,
        |it| it.busy_one_p99,
    );
    tell(
        "64 appenders, two busy loops per core",
        |it| it.busy_many,
        |it| it.busy_many_p99,
    );
    let ratio = of(|it| it.busy_one_p99 / it.raw_p99);
    report(
        "append: p99 of 1, busy / idle bare p99",
        "x",
        &ratio,
        Goal::AtMost(10.0),
    );
    let ratio = of(|it| it.busy_many_p99 / it.raw_p99);
    report(
        "append: p99 of 64, busy / idle bare p99",
        "x",
        &ratio,
        Goal::AtMost(10.0),
    );
    Ok(())
}

/// What the log grows by with each commit of one act: entry, end of the batch, signature.
fn bytes_per_commit() -> Result<usize, Failed> {
    const COMMITS: u64 = 64;
    let rig = Rig::new(Priority::Normal)?;
    let before = rig.segment_bytes()?;
    for _ in 0..COMMITS {
        rig.submit(rig.note())?;
    }
    let grown = (rig.segment_bytes()? - before) / COMMITS;
    usize::try_from(grown).map_err(failed("count"))
}

fn measure(number: usize, bytes: usize, raised: bool) -> Result<Round, Failed> {
    let directory = scratch().map_err(failed("make a directory"))?;
    let path = directory.path().join("raw");
    let during = load::stretch();
    let notes = load::notes();
    let note = |rig: &Arc<Rig>, appenders| load::append(rig, appenders, during, &notes);
    let rig = Arc::new(Rig::new(Priority::Raised)?);
    load::warm(&rig)?;
    // Whoever goes first has the warmer disk, or the colder one: they take turns.
    let (mut raw, mut one) = if number.is_multiple_of(2) {
        let raw = raw_append(&path, bytes, during)?;
        (raw, note(&rig, 1)?)
    } else {
        let one = note(&rig, 1)?;
        (raw_append(&path, bytes, during)?, one)
    };
    let mut many = note(&rig, APPENDERS)?;
    let mut round = Round {
        raw: raw.per_second(),
        raw_p99: raw.p99_ms(),
        one: one.per_second(),
        one_p99: one.p99_ms(),
        many: many.per_second(),
        many_p99: many.p99_ms(),
        ..Round::default()
    };
    if raised {
        let busy = Busy::per_core(2);
        let (mut one, mut many) = (note(&rig, 1)?, note(&rig, APPENDERS)?);
        drop(busy);
        round.busy_one = one.per_second();
        round.busy_one_p99 = one.p99_ms();
        round.busy_many = many.per_second();
        round.busy_many_p99 = many.p99_ms();
    }
    Ok(round)
}
