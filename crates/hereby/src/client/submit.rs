//! Sends a command and says what became of it: done, refused, or unknown.
//!
//! The policy for the third is here. A command whose connection broke, or whose answer is none we
//! know, may have been taken; from then on no later refusal is rounded to "it did not happen",
//! because the first sending may still arrive. The same id sent again settles it, so it is sent
//! again a few times, and then a person gets the very line that sends it again.

use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base::{ActId, CommandId, Name, PersonName, Prose, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use record::command::{Command, Verb, signed_bytes};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{Answer, Ask, Client, Problem, Trouble, exit_of, percent_encoded, with_hint_for};
use crate::exit::{Exit, Failure};

/// A command as it is sent.
pub(crate) struct Sending<'a> {
    pub(crate) id: CommandId,
    pub(crate) verb: Verb,
    pub(crate) why: Option<Prose>,
    pub(crate) on_behalf_of: Option<PersonName>,
    pub(crate) signer: Option<(&'a Name, &'a Ed25519KeyPair)>,
}

/// How a command is sent again: by hand, and while a person waits.
pub(crate) struct Via<'a> {
    /// Told once, with the reason, when a command is sent again by itself.
    pub(crate) waiting: &'a dyn Fn(&str),
    /// Options that say where to and as whom: `--url https://…`.
    pub(crate) options: Vec<String>,
}

/// A command that happened.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Done {
    /// The acts it led to; durable.
    pub(crate) receipts: Vec<Receipt>,
    /// The signed checkpoint that covers them.
    #[serde(default)]
    pub(crate) checkpoint: Option<String>,
}

/// An act and where it stands on the record.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Receipt {
    pub(crate) act: ActId,
    pub(crate) at: Timestamp,
    pub(crate) index: u64,
    pub(crate) kind: String,
    pub(crate) subject: SubjectRef,
    /// Hashes that prove it in the checkpoint, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inclusion: Option<Vec<String>>,
}

/// What an act happened to.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SubjectRef {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) id: String,
}

/// What one sending came to.
#[derive(Debug)]
enum Verdict {
    Done(Done),
    /// Judged, and nothing happened.
    Refused {
        status: StatusCode,
        problem: Problem,
        retry_after: Option<Duration>,
    },
    /// No connection: nothing was sent.
    Unsent(std::io::Error),
    /// It may have happened.
    InDoubt(String),
}

impl Verdict {
    fn of(outcome: Result<Answer, Trouble>) -> Verdict {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(Trouble::Unsent(error)) => return Verdict::Unsent(error),
            Err(Trouble::Lost(why)) => return Verdict::InDoubt(why),
        };
        if answer.status == StatusCode::OK {
            return match serde_json::from_slice(&answer.body) {
                Ok(done) => Verdict::Done(done),
                Err(error) => Verdict::InDoubt(format!("the answer can't be read: {error}")),
            };
        }
        let problem = answer.problem();
        let refused = match problem.outcome.as_deref() {
            Some(outcome) => outcome == "refused",
            None => answer.status.is_client_error(),
        };
        if refused {
            let retry_after = answer.retry_after;
            return Verdict::Refused {
                status: answer.status,
                problem,
                retry_after,
            };
        }
        Verdict::InDoubt(problem.sentence(answer.status))
    }

    /// Why it is not done.
    fn reason(&self) -> String {
        match self {
            Verdict::Done(_) => String::new(),
            Verdict::Refused {
                status, problem, ..
            } => problem.sentence(*status),
            Verdict::Unsent(error) => error.to_string(),
            Verdict::InDoubt(why) => why.clone(),
        }
    }

    /// Whether the same command may fare better in a moment, and when: after the usual pause, or
    /// when hereby says.
    fn pause(&self, usual: Duration) -> Option<Duration> {
        match self {
            Verdict::Refused {
                status,
                retry_after,
                problem,
            } => {
                let for_a_person = problem.reason.as_deref() == Some("keystore");
                let passing = *status == StatusCode::SERVICE_UNAVAILABLE && !for_a_person;
                passing.then(|| retry_after.unwrap_or_default().max(usual))
            }
            Verdict::Done(_) => None,
            Verdict::Unsent(_) | Verdict::InDoubt(_) => Some(usual),
        }
    }
}

impl Client {
    /// Sends a command until its outcome is known or the retries are used up. Ctrl-C ends the
    /// waiting, not the command.
    ///
    /// # Errors
    /// Refused, not reached, or unknown; each with what to do next.
    pub(crate) async fn submit(
        &self,
        sending: &Sending<'_>,
        via: &Via<'_>,
    ) -> Result<Done, Failure> {
        let ask = sending.ask()?;
        tokio::select! {
            outcome = self.settle(&ask, via.waiting) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Unknown, UNKNOWN)
                .because("you did not wait for the answer")),
        }
        .map_err(|mut failure| {
            failure.id = Some(sending.id.clone());
            if failure.exit == Exit::Unknown {
                failure = failure.hint(format!(
                    "to find out, send it again: {}",
                    sending.again(via)
                ));
            }
            failure
        })
    }

    async fn settle(&self, ask: &Ask, waiting: &dyn Fn(&str)) -> Result<Done, Failure> {
        let began = Instant::now();
        let mut doubt: Option<String> = None;
        let mut said = false;
        let mut pauses = self.patience.pauses.iter();
        loop {
            let outcome = self.once(ask).await;
            let absent = outcome
                .as_ref()
                .is_err_and(|trouble| self.target.is_absent(trouble));
            let verdict = Verdict::of(outcome);
            let pause = pauses
                .next()
                .and_then(|usual| verdict.pause(*usual))
                .filter(|pause| {
                    !absent && began.elapsed().saturating_add(*pause) < self.patience.budget
                });
            if let Verdict::InDoubt(why) = &verdict {
                doubt = Some(why.clone());
            }
            let Some(pause) = pause else {
                return self.conclude(verdict, doubt);
            };
            if !said {
                waiting(&verdict.reason());
                said = true;
            }
            sleep(pause).await;
        }
    }

    /// What the last sending means, given whether an earlier one is still open.
    fn conclude(&self, last: Verdict, doubt: Option<String>) -> Result<Done, Failure> {
        let unknown = |why: String| Err(Failure::new(Exit::Unknown, UNKNOWN).because(why));
        match (last, doubt) {
            (Verdict::Done(done), _) => Ok(done),
            (Verdict::InDoubt(why), _) => unknown(why),
            (Verdict::Unsent(error), Some(doubt)) => unknown(format!(
                "{doubt}; then hereby could not be reached: {error}"
            )),
            (
                Verdict::Refused {
                    status, problem, ..
                },
                Some(doubt),
            ) => unknown(format!(
                "{doubt}; sent again it was refused: {}",
                problem.sentence(status)
            )),
            (Verdict::Unsent(error), None) => Err(self.target.unreachable(&error)),
            (
                Verdict::Refused {
                    status, problem, ..
                },
                None,
            ) => Err(refused(status, &problem)),
        }
    }
}

const UNKNOWN: &str = "nobody can say whether this happened";

fn refused(status: StatusCode, problem: &Problem) -> Failure {
    let mut failure = Failure::new(exit_of(status), problem.sentence(status));
    failure.reason.clone_from(&problem.reason);
    let failure = with_hint_for(status, failure);
    match problem.reason.as_deref() {
        Some("id_reused") => failure.hint("take another --id, or none"),
        Some("keystore") => {
            failure.hint("hereby doctor says what is wrong with the keystore (record.keystore)")
        }
        Some("no_space") => failure.hint("make room on the disk of the data directory"),
        Some("overloaded" | "stopping") => failure.hint("nothing happened; try again in a moment"),
        _ => failure,
    }
}

/// The longest reason as it is sent, in bytes: a request's head has 32 KiB, and more in it.
const WHY_HEADER_BYTES_MAX: usize = 24 << 10;

/// A reason as a header: percent-encoded, most letters that are not ASCII take six bytes.
fn in_header(why: &Prose) -> Result<String, Failure> {
    let encoded = percent_encoded(why.as_str());
    if encoded.len() <= WHY_HEADER_BYTES_MAX {
        return Ok(encoded);
    }
    Err(Failure::usage("the reason is too long to be sent")
        .because(format!(
            "percent-encoded in a header it has {} bytes, and there is room for \
             {WHY_HEADER_BYTES_MAX}",
            encoded.len()
        ))
        .hint("say it shorter, and the rest in a note"))
}

impl Sending<'_> {
    fn command(&self) -> Command {
        Command {
            id: self.id.clone(),
            // The time of sending would make the same command another one when it is sent again.
            claimed_at: None,
            on_behalf_of: self.on_behalf_of.clone(),
            verb: self.verb.clone(),
            why: self.why.clone(),
        }
    }

    /// The request (see the API's reference, "Commands").
    fn ask(&self) -> Result<Ask, Failure> {
        let command = self.command();
        let too_much = |error| Failure::usage("the command can't be sent").because(error);
        let canonical = command.to_canonical().map_err(too_much)?;
        let path = format!("/api/v1/commands/{}", self.verb.name());
        let mut ask = Ask::with_body(
            Method::POST,
            path,
            "application/json",
            self.args(&canonical)?,
        );
        let mut header = |name: &'static str, value: &str| -> Result<(), Failure> {
            let value = HeaderValue::from_str(value)
                .map_err(|error| Failure::from(anyhow::Error::new(error)))?;
            ask.headers.push((HeaderName::from_static(name), value));
            Ok(())
        };
        header("idempotency-key", self.id.as_str())?;
        if let Some(why) = &self.why {
            header("hereby-why", &in_header(why)?)?;
        }
        if let Some(person) = &self.on_behalf_of {
            header("hereby-on-behalf-of", person.as_str())?;
        }
        if let Some((key, pair)) = self.signer {
            let signature = STANDARD.encode(pair.sign(&signed_bytes(&canonical)));
            header("hereby-signature", &format!("key={key}, sig={signature}"))?;
        }
        Ok(ask)
    }

    /// The arguments alone, cut out of the canonical command.
    fn args(&self, canonical: &[u8]) -> Result<Vec<u8>, Failure> {
        #[derive(Deserialize)]
        struct Args<'a> {
            #[serde(borrow)]
            args: &'a serde_json::value::RawValue,
        }
        let Args { args } = serde_json::from_slice(canonical)
            .map_err(|error| Failure::from(anyhow::Error::new(error)))?;
        Ok(args.get().as_bytes().to_vec())
    }

    /// The command line that sends the very same command: relative times are resolved in it, and
    /// what stdin said is written out.
    fn again(&self, via: &Via<'_>) -> String {
        let mut words = vec!["hereby".to_owned(), "send".to_owned()];
        let args = self
            .command()
            .to_canonical()
            .ok()
            .and_then(|bytes| self.args(&bytes).ok());
        words.push(self.verb.name().to_owned());
        words.push(
            args.and_then(|args| String::from_utf8(args).ok())
                .unwrap_or_default(),
        );
        words.extend(["--id".to_owned(), self.id.to_string()]);
        let mut option = |name: &str, value: Option<String>| {
            words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
        };
        option("--why", self.why.as_ref().map(ToString::to_string));
        option("--as", self.on_behalf_of.as_ref().map(ToString::to_string));
        option("--sign", self.signer.map(|(key, _)| key.to_string()));
        words.extend(via.options.iter().cloned());
        words
            .iter()
            .map(|word| quoted(word))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A word for a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
