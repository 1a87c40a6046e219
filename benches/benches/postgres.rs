//! 64 appenders against PostgreSQL's 64 clients that insert rows of the same length.

use std::sync::Arc;

use benches::load;
use benches::postgres::{Postgres, programs};
use benches::quiet::undisturbed;
use benches::rig::{ENTRY_BYTES, Failed, Priority, Rig, failed};
use benches::scratch::scratch;
use benches::{Goal, median, report, rounds, say};

const APPENDERS: usize = 64;

fn main() -> Result<(), Failed> {
    let Some(programs) = programs() else {
        return Err(Failed(
            "PostgreSQL is not installed: apt-get install postgresql".to_owned(),
        ));
    };
    let directory = scratch().map_err(failed("make a directory"))?;
    let postgres = Postgres::start(programs, directory.path())?;
    let said = postgres.sql("select version()")?;
    say(said.trim());
    for setting in ["fsync", "synchronous_commit", "shared_buffers"] {
        let value = postgres.sql(&format!("show {setting}"))?;
        say(&format!("{setting} = {}", value.trim()));
    }
    let (mut theirs, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..rounds() {
        let pids = [postgres.pid()];
        let (peer, own) = undisturbed(&pids, || measure(&postgres, number))?;
        theirs.push(peer);
        ours.push(own);
        ratios.push(own / peer);
    }
    say(&format!(
        "PostgreSQL, 64 clients: {:.0} rows/s",
        median(&theirs)
    ));
    say(&format!(
        "hereby, 64 appenders:   {:.0} acts/s",
        median(&ours)
    ));
    let name = "postgres: 64 appenders / 64 clients inserting";
    report(name, "x", &ratios, Goal::AtLeast(1.5));
    Ok(())
}

/// Rows a second, acts a second.
fn measure(postgres: &Postgres, number: usize) -> Result<(f64, f64), Failed> {
    let rig = Arc::new(Rig::new(Priority::Raised)?);
    load::warm(&rig)?;
    postgres.sql("drop table if exists acts")?;
    postgres.sql("create table acts (id uuid primary key, entry text not null)")?;
    postgres.sql("checkpoint")?;
    let entry: String = (0..ENTRY_BYTES)
        .map(|at| char::from(b'a' + (at * 7 % 26) as u8))
        .collect();
    let script = format!("insert into acts(id, entry) values (gen_random_uuid(), '{entry}');");
    let theirs = || postgres.bench(&script, APPENDERS, load::stretch());
    let ours = || load::append(&rig, APPENDERS, load::stretch(), &load::notes());
    if number.is_multiple_of(2) {
        let peer = theirs()?;
        Ok((peer, ours()?.per_second()))
    } else {
        let own = ours()?.per_second();
        Ok((theirs()?, own))
    }
}
