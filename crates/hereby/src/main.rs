//! The one binary: reads the command line, does it, and ends with the code that says how it went.
//!
//! What can be said is in [`cli`], what each code means in [`exit`]. Nothing else ends the process.

mod audit;
mod bundle;
mod chat;
mod cli;
mod client;
mod commands;
mod config;
mod edge;
mod exit;
mod gameday;
mod log;
mod offline;
mod page;
mod place;
mod rehearse;
mod rollout;
mod say;
mod secret_file;
mod serve;
mod station;
mod witness;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use cli::page::{PageArgs, PageVerb};
use cli::{Globals, Task};
use exit::{Exit, Failure};
use say::Out;

/// An edge makes and drops a few dozen small things for each request.
#[global_allocator]
static ALLOCATOR: memory::Allocator = memory::Allocator;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let cli = match cli::parse(args.iter().cloned()) {
        Ok(cli) => cli,
        Err(error) => return wrong_line(&error, &args),
    };
    let globals = cli.globals;
    let out = Out::of_process(globals.color, globals.json, globals.quiet);
    // The panic's own message is on stderr already; the code must still be one of the table.
    if let Err(error) = ::gameday::end_with_parent() {
        let failure = Failure::new(Exit::Internal, "it would outlive what started it");
        return end(&out, Err(failure.because(error)));
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| run(cli.task, &globals, &out)))
        .unwrap_or_else(|_| Err(Failure::new(Exit::Internal, "this is a bug in hereby")));
    end(&out, outcome)
}

fn run(task: Task, globals: &Globals, out: &Out) -> Result<(), Failure> {
    match task {
        Task::Up(args) => serve::up(args, globals, out),
        Task::Serve(args) => serve::serve(args, globals, out),
        Task::Witness(args) => witness::run(args, globals, out),
        Task::Edge(args) => edge::run(args, globals, out),
        Task::Rollout(args) => rollout::run(args, out),
        Task::Gameday(args) => gameday::run(args, out),
        Task::Verify(args) => offline::verify(args, globals, out),
        Task::Auditor(args) => offline::auditor(args, globals, out),
        Task::Prove(args) => offline::prove(args, globals, out),
        Task::Export(args) => offline::export(args, globals, out),
        Task::Rebuild(args) => offline::rebuild(args, globals, out),
        Task::Backup(args) => offline::backup(args, globals, out),
        Task::Restore(args) => offline::restore(args, out),
        Task::Record(args) => offline::record(args, globals, out),
        Task::Doctor(args) => offline::doctor(args, globals, out),
        Task::Policy(_) => commands::policy(out),
        Task::Completions(args) => commands::shell::completions(&args, out),
        Task::Man(args) => commands::shell::man(&args, out),
        Task::Reference => commands::shell::reference(out),
        Task::Chat(cli::chat::ChatArgs {
            verb: Some(cli::chat::ChatVerb::Test { channel, settings }),
        }) => chat::test(&channel, &settings, globals, out),
        Task::Page(args) => match args.verb {
            verb @ (PageVerb::Targets | PageVerb::Said { .. }) => {
                commands::run(Task::Page(PageArgs { verb }), globals, out)
            }
            verb => page::run(verb, globals, out),
        },
        asking => commands::run(asking, globals, out),
    }
}

fn end(out: &Out, outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::from(Exit::Done.code()),
        Err(failure) => {
            out.failure(&failure);
            ExitCode::from(failure.exit.code())
        }
    }
}

/// What clap says about a command line it could not read, help and version included.
fn wrong_line(error: &clap::Error, args: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        // `hereby --help | head`: a reader that left is no failure.
        let _ = error.print();
        return ExitCode::from(Exit::Done.code());
    }
    let globals = cli::globals_of_wrong_line(args);
    let out = Out::of_process(globals.color, globals.json, globals.quiet);
    let mut hints = match cli::lacks_incident(error) {
        true => commands::open_incidents(&globals),
        false => Vec::new(),
    };
    hints.extend(cli::in_lower_case(error, args));
    if globals.json {
        let mut failure = Failure::usage(error.render().to_string().trim_end());
        failure.hints = hints;
        return end(&out, Err(failure));
    }
    let _ = error.print();
    for hint in hints {
        out.talk(hint);
    }
    ExitCode::from(Exit::Usage.code())
}
