//! The data plane: a reverse proxy that carries out what `policy` decides. One process serves one
//! cell.
//!
//! [`run`] is all of it: sockets, threads, and the loop that minds them. It keeps on
//! disk a socket to talk to it and a ledger of client certificates; it needs nothing else of hereby, and goes on when all of that is gone.

mod account;
mod acme;
mod body;
mod challenge;
mod clients;
mod clock;
mod control;
mod conversation;
mod cork;
mod counts;
mod edge;
mod facts;
#[cfg(feature = "faults")]
mod faults;
mod files;
mod forward;
mod gate;
mod handover;
mod http1;
mod judge;
mod kernel;
mod ledger;
mod listen;
mod log;
mod metrics;
mod minder;
mod notify;
mod overlay;
mod pace;
mod pool;
mod refuse;
mod reload;
mod rules;
mod run;
mod running;
mod scrape;
mod scratch;
mod serve;
mod source;
mod status;
mod stop;
mod switches;
mod tls;
mod tunnel;
mod upstream;
mod worker;

pub use control::SOCKET;
pub use handover::{NoSuccessor, TAKEOVER};
pub use judge::{Head, Rules};
pub use ledger::Entry as CertificateUse;
pub use policy::config::file::schema;
pub use run::{CannotRun, Options, Ready, run};
pub use source::{Adjust, NotTaken, Offer, Source, Totals, Traffic, check, check_adjusted};
