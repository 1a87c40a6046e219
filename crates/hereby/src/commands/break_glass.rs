//! `hereby break-glass`: whose notes edges believe when control is gone, and such a note. To sign one nobody
//! is asked: there may be nobody.

use record::break_glass::BreakGlass;
use record::command::{EndBreakGlass, SetBreakGlassKey};
use serde_json::json;

use super::Session;
use super::keyfile::Keys;
use super::statement::{keep, next, signed, why};
use crate::cli::Globals;
use crate::cli::fleet::{BreakGlassArgs, BreakGlassVerb};
use crate::client::Client;
use crate::exit::Failure;
use crate::say::{Out, stamp};

const LIFE_MAX_MS: i64 = 7 * 86_400_000;

/// What needs no control; the rest is given back.
///
/// # Errors
/// When the key can't be read, or nobody said why.
pub(super) fn local(
    args: BreakGlassArgs,
    globals: &Globals,
    out: &Out,
) -> Result<Option<BreakGlassArgs>, Failure> {
    let BreakGlassVerb::Sign {
        key,
        cell,
        version,
        counter,
        expires,
        output,
    } = args.verb
    else {
        return Ok(Some(args));
    };
    let why = why(globals, "control burned down")?;
    if expires > LIFE_MAX_MS {
        return Err(Failure::usage(
            "a break-glass note works for 7 days at most",
        ));
    }
    let now = Client::now();
    let seconds = u64::try_from(now.as_ms() / 1_000).unwrap_or(0);
    let said = BreakGlass {
        cell,
        counter: counter.unwrap_or(seconds),
        digest: version,
        expires_at: now.plus_ms(expires),
        why,
    };
    let document = json!({
        "cell": said.cell, "counter": said.counter, "expires_at": said.expires_at,
        "version": crate::edge::hex(&said.digest),
    });
    keep(&signed(&said, &key)?, document, output.as_deref(), out)?;
    if out.is_json() {
        return Ok(None);
    }
    out.talk(format!(
        "Note {} sends edges of {} back; it works until {}.",
        said.counter,
        said.cell,
        stamp(said.expires_at)
    ));
    let then = format!("at each edge of {}: hereby edge break-glass", said.cell);
    next(&then, output.as_deref(), out);
    Ok(None)
}

impl Session<'_> {
    /// Says whose notes edges believe.
    pub(super) async fn break_glass(&self, args: BreakGlassArgs) -> Result<(), Failure> {
        let (key, vkey) = match args.verb {
            BreakGlassVerb::Trust { key, vkey, .. } => (key, vkey),
            BreakGlassVerb::End { cell } => {
                let said = format!("Edges of {cell} run what all run again.");
                return self.does(EndBreakGlass { cell }, said).await;
            }
            BreakGlassVerb::Sign { .. } => return local(args, self.globals, self.out).map(drop),
        };
        let vkey = match (vkey, key) {
            (None, Some(key)) => Some(Keys::of_user()?.verifier(&key)?),
            (vkey, _) => vkey,
        };
        let vkey = vkey.map(|vkey| vkey.to_string());
        let said = match &vkey {
            Some(vkey) => {
                format!("Edges believe break-glass notes of {vkey} when control is gone.")
            }
            None => "Edges believe nobody's break-glass notes.".to_owned(),
        };
        let vkey = vkey.map(Into::into);
        self.does(SetBreakGlassKey { vkey }, said).await
    }
}
