//! The page without a running hereby: check it, serve it, take it along, publish it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Actor, CommandDigest, CommandId, IncidentId, Proof, Severity, Timestamp};
use publish::inspect::{self, CannotInspect, Found, Place};
use publish::{Board, Spool};
use record::act::{Act, Evidence, Subject, act_id};
use record::command::{Command, Declare, PageWord, Update};
use record::kinds::incident::{Audience, Status, Updated};
use record::kinds::page::{PublicImpact, PublicWord};
use record::note::VerifierKey;
use serde_json::json;
use tokio::net::TcpListener;

use super::bundle::{Bundle, Kept, Spoken, sealing_key, sealing_key_or_new};
use super::{Dispatch, site_directory, status_key, unwritten};
use crate::cli::Globals;
use crate::cli::page::{PageVerb, PublishArgs};
use crate::client::{Client, trusted};
use crate::config::{Config, StatusPage};
use crate::exit::{Exit, Failure};
use crate::offline::{read_file, runtime};
use crate::say::{Line, Out, Style, counted, duration, stamp};

/// How often a target is tried.
const TRIES: u32 = 4;
const KEPT_BYTES_MAX: u64 = 64 << 20;

/// Does what needs no running hereby.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn run(verb: PageVerb, globals: &Globals, out: &Out) -> Result<(), Failure> {
    match verb {
        PageVerb::Key => {
            let vkey = own_vkey(&globals.data_dir()?)?.to_string();
            match out.is_json() {
                true => out.json(&json!({ "vkey": vkey })),
                false => out.data(vkey),
            }
        }
        PageVerb::Verify { place, vkey } => verify(&place, vkey, globals, out),
        PageVerb::Serve { dir, listen } => serve(dir, listen, out),
        PageVerb::Bundle {
            output,
            key_file,
            settings,
        } => {
            let data_dir = globals.data_dir()?;
            let config = Config::find(&settings, &data_dir)?;
            bundle(&data_dir, config, (&output, &key_file), out)
        }
        PageVerb::Publish(args) => publish(&args, out),
        PageVerb::Targets | PageVerb::Said { .. } => {
            Err(Failure::new(Exit::Internal, "this asks a running hereby"))
        }
    }
}

/// The public half of the status key of this data directory.
fn own_vkey(data_dir: &Path) -> Result<VerifierKey, Failure> {
    let missing = || {
        Failure::usage("there is no status key yet")
            .hint("hereby up makes one; with hereby serve, once status.url is set in hereby.toml")
    };
    if !data_dir.join("keys").join("status.key").exists() {
        return Err(missing());
    }
    Ok(status_key(data_dir, "unnamed")?.verifier().clone())
}

fn verify(
    place: &str,
    vkeys: Vec<VerifierKey>,
    globals: &Globals,
    out: &Out,
) -> Result<(), Failure> {
    let keys = match vkeys.is_empty() {
        true => vec![own_vkey(&globals.data_dir()?)?],
        false => vkeys,
    };
    let where_it_is = match place.contains("://") {
        false => Place::Directory(PathBuf::from(place)),
        true => {
            let tls = match place.starts_with("https://") {
                true => trusted(globals.ca_file.as_deref())?,
                false => publish::no_tls(),
            };
            Place::Url(place.parse().map_err(Failure::usage)?, tls)
        }
    };
    let found = runtime()?.block_on(inspect::inspect(where_it_is, &keys));
    let found = found.map_err(|error| match &error {
        CannotInspect::Unread(_) => Failure::new(Exit::Unreachable, error),
        CannotInspect::Restless => Failure::new(Exit::Unknown, error),
        CannotInspect::Missing | CannotInspect::Manifest(_) => {
            Failure::new(Exit::Unverified, error)
        }
    })?;
    judge(&found, Client::now(), out)
}

/// Says what was found. What is wrong is the exit code as well.
fn judge(found: &Found, now: Timestamp, out: &Out) -> Result<(), Failure> {
    let manifest = &found.manifest;
    let age = duration(now.ms_since(manifest.issued).max(0));
    let expired = found.is_expired(now);
    if out.is_json() {
        out.json(&json!({
            "site": manifest.site,
            "sequence": manifest.sequence,
            "issued": manifest.issued,
            "expires": manifest.expires,
            "expired": expired,
            "good": found.good,
            "wrong": found.wrong,
        }))?;
    } else {
        out.data(format!(
            "{}: edition {} of {}, {age} old; {} as signed",
            manifest.site,
            manifest.sequence,
            stamp(manifest.issued),
            counted(found.good, "file"),
        ))?;
        for (path, what) in &found.wrong {
            out.data(Line::new().styled(Style::Bad, format!("  {what}: {path}")))?;
        }
    }
    if !found.wrong.is_empty() {
        let files = counted(found.wrong.len(), "file");
        return Err(Failure::new(
            Exit::Unverified,
            format!("{files} differ from what was signed"),
        ));
    }
    if expired {
        return Err(Failure::new(
            Exit::Unverified,
            format!("nobody vouches for it since {}", stamp(manifest.expires)),
        )
        .because("a page that is looked after is signed again every minute"));
    }
    Ok(())
}

fn serve(dir: PathBuf, listen: std::net::SocketAddr, out: &Out) -> Result<(), Failure> {
    crate::log::start(&crate::config::LogOutput::default()).map_err(Failure::usage)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Internal, "no thread could be started").because(error)
        })?;
    runtime.block_on(async {
        let stop = crate::serve::told_to_stop();
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            Failure::new(Exit::Internal, format!("can't listen on {listen}")).because(error)
        })?;
        let address = listener.local_addr().unwrap_or(listen);
        out.data(format!("http://{address}"))?;
        publish::serve::serve(dir, listener, stop).await;
        Ok(())
    })
}

fn bundle(
    data_dir: &Path,
    config: Config,
    (output, key_file): (&Path, &Path),
    out: &Out,
) -> Result<(), Failure> {
    let file = kept_file(data_dir);
    if !file.exists() {
        return Err(Failure::new(Exit::Refused, "no page was made here yet")
            .hint("set status.url in hereby.toml, then start hereby once"));
    }
    let kept: Kept =
        serde_json::from_slice(&read_file(&file, KEPT_BYTES_MAX)?).map_err(|error| {
            Failure::new(Exit::Internal, "the page that was kept can't be read").because(error)
        })?;
    let key = status_key(data_dir, "unnamed")?;
    let (sealing, made) = sealing_key_or_new(key_file)?;
    let made_at = kept.made_at;
    Bundle::new(kept, config.status, &key, &sealing)?.write_new(output)?;
    if made {
        out.talk(format!("Made the key file {}.", key_file.display()));
    }
    out.talk(format!(
        "Wrote the page of {} to {}. Keep the two files apart, away from this machine.",
        stamp(made_at),
        output.display()
    ));
    match out.is_json() {
        true => out.json(&json!({ "bundle": output, "made_at": made_at })),
        false => Ok(()),
    }
}

/// Where the page is kept for whoever makes a bundle.
pub(crate) fn kept_file(data_dir: &Path) -> PathBuf {
    data_dir.join("status").join("page.json")
}

/// Where it is published to: the targets of the bundle or of another file, or some of them.
fn wanted(args: &PublishArgs, bundle: &Bundle) -> Result<StatusPage, Failure> {
    let mut settings = match &args.config {
        Some(path) => Config::named(path)?.status,
        None => bundle.settings.clone(),
    };
    let mut names = args.targets.iter();
    if let Some(unknown) = names.find(|name| !settings.target.iter().any(|it| it.name == **name)) {
        return Err(Failure::usage(format!("there is no target {unknown}")));
    }
    if !args.targets.is_empty() {
        settings.target.retain(|it| args.targets.contains(&it.name));
    }
    if settings.target.is_empty() {
        return Err(Failure::usage("no target is named in the bundle")
            .hint("name some in a file like hereby.toml: --config FILE"));
    }
    Ok(settings)
}

fn publish(args: &PublishArgs, out: &Out) -> Result<(), Failure> {
    let word = &args.word;
    let has_word = word.headline.is_some() || word.impact.is_some() || !word.components.is_empty();
    if has_word && args.update.is_none() {
        return Err(
            Failure::usage("a headline, an impact and components go with words")
                .hint("say them with --update TEXT"),
        );
    }
    let mut bundle = Bundle::read(&args.offline)?;
    let key = bundle.key(&sealing_key(&args.key_file)?)?;
    let settings = wanted(args, &bundle)?;
    let now = Client::now();
    if let Some(text) = &args.update {
        speak(&mut bundle, args, text, now)?;
    }
    let options = bundle.settings.options(&bundle.kept.url);
    let mut site = status::Site::new(options.map_err(Failure::usage)?).map_err(Failure::usage)?;
    let work = tempfile_directory(&args.offline)?;
    let spool = Spool::open(&site_directory(&work.0)).map_err(|error| unwritten(&error))?;
    let trusted = vec![key.verifier().clone()];
    let dispatch = Dispatch {
        spool: spool.clone(),
        trusted,
        board: Arc::new(Board::default()),
        work: work.0.join("work"),
    };
    let couriers = dispatch.couriers(&settings)?;
    // What is said is kept before anybody hears it: the bundle is what hereby will be told from.
    bundle.kept.made_at = now;
    let delivered = runtime()?.block_on(async {
        let mut newest = bundle.kept.sequence;
        for courier in &couriers {
            if let Ok(Some(there)) = courier.manifest_there().await {
                newest = newest.max(there.sequence);
            }
        }
        bundle.kept.sequence = newest + 1;
        bundle.write_again(&args.offline)?;
        let changes = site.build(&bundle.kept.page, now, 0);
        spool.write(&changes).map_err(|error| unwritten(&error))?;
        let sealing = publish::Sealing {
            sequence: bundle.kept.sequence,
            now,
            news_at: now,
            said: Arc::new(said(&bundle.kept.page)),
            said_elsewhere: bundle.spoken_acts()?,
        };
        let edition = spool
            .seal(site.options(), site.files(), &key, sealing)
            .map_err(|error| unwritten(&error))?;
        // Whether or not all targets have it, what was said is in the bundle.
        Ok::<_, Failure>(deliver(&couriers, &edition, out).await)
    })?;
    if !bundle.spoken.is_empty() {
        let again = args.offline.display();
        out.talk(format!("When hereby is back: hereby page said {again}"));
    }
    delivered.map_err(|failure| {
        failure.hint(match args.update {
            // With it, the same would be said a second time.
            Some(_) => {
                "what was said is kept: run it again without --update, --headline and --incident, \
                 and the targets that lack it get it"
            }
            None => "run the same again: what is there already is not sent again",
        })
    })
}

async fn deliver(
    couriers: &[publish::Courier],
    edition: &publish::Edition,
    out: &Out,
) -> Result<(), Failure> {
    let mut failed = Vec::new();
    let mut done = Vec::new();
    for courier in couriers {
        let name = courier.target.name.clone();
        match courier.bring(edition, TRIES).await {
            Ok(()) => {
                if !out.is_json() {
                    out.data(format!("{name}: edition {} is there", edition.sequence))?;
                }
                done.push(name);
            }
            Err(trouble) => {
                out.warn(&format!("{name}: {trouble}"));
                failed.push(name);
            }
        }
    }
    if out.is_json() {
        out.json(&json!({
            "sequence": edition.sequence, "published": done, "failed": failed,
        }))?;
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Unknown,
            format!("the page may not be there: {}", failed.join(", ")),
        )),
    }
}

/// Every word on the page.
fn said(page: &status::Page) -> BTreeSet<base::ActId> {
    let words = page.incidents.values().flat_map(|it| &it.words);
    words.map(|word| word.act).collect()
}

impl Bundle {
    /// The acts that what was said from it will be.
    fn spoken_acts(&self) -> Result<BTreeSet<base::ActId>, Failure> {
        let one = |spoken: &Spoken| {
            let command = Command::decode(spoken.update.as_bytes());
            command.map(|command| act_id(&command.id, 0))
        };
        let all = self.spoken.iter().map(one).collect::<Result<_, _>>();
        all.map_err(|error| Failure::usage("the bundle was changed").because(error))
    }
}

/// Says something on the page, and keeps the commands that will say it on the record.
fn speak(
    bundle: &mut Bundle,
    args: &PublishArgs,
    text: &base::Prose,
    now: Timestamp,
) -> Result<(), Failure> {
    let word = args.word.word()?.unwrap_or_default();
    let (incident, before) = about(&bundle.kept.page, args, &word)?;
    let id = random_id()?;
    let declare = match (before, &word.headline) {
        (None, Some(headline)) => {
            let verb = Declare {
                alerts: Vec::new(),
                drill: false,
                impact_start: None,
                private: false,
                service: None,
                severity: severity(word.impact)?,
                template: None,
                title: headline.clone(),
            };
            Some(canonical(&id, "declare", now, verb)?)
        }
        _ => None,
    };
    let update = Update {
        audience: Audience::Public,
        incident,
        page: Some(word.clone()),
        status: None,
        text: text.clone(),
    };
    let update = canonical(&id, "update", now, update)?;
    let command = Command::decode(update.as_bytes())
        .map_err(|error| Failure::new(Exit::Internal, "the update").because(error))?;
    let said = Updated {
        audience: Audience::Public,
        page: Some(PublicWord {
            components: word.components,
            headline: word.headline,
            impact: word.impact,
            status: word.status.or(before).unwrap_or(Status::Investigating),
            translations: word.translations,
        }),
        text: text.clone().into(),
    };
    let act = act_of(&command.id, incident, said, now);
    bundle.kept.page.apply(&act);
    bundle.spoken.push(Spoken {
        declare,
        incident,
        update,
    });
    Ok(())
}

/// Which incident is spoken of, and how far it is on the page; none: it is new there.
fn about(
    page: &status::Page,
    args: &PublishArgs,
    word: &PageWord,
) -> Result<(IncidentId, Option<Status>), Failure> {
    let mut names = word.components.keys();
    if let Some(name) = names.find(|it| !page.components.contains_key(*it)) {
        return Err(Failure::usage(format!("there is no component {name}")));
    }
    match args.incident {
        Some(id) => match page.incidents.get(&id) {
            Some(known) => Ok((id, Some(known.status))),
            None => Err(Failure::usage(format!("the page says nothing of {id}"))
                .hint("leave --incident out to speak of a new one")),
        },
        None if word.headline.is_none() => Err(Failure::usage(
            "a new incident needs a headline: --headline LINE",
        )),
        None => Ok((unused(page), None)),
    }
}

/// The act that a word will be: it has its id already, because that follows from the command's.
fn act_of(command: &CommandId, incident: IncidentId, said: Updated, now: Timestamp) -> Act {
    Act {
        id: act_id(command, 0),
        at: now,
        claimed_at: None,
        actor: Actor::Uid {
            id: rustix::process::geteuid().as_raw(),
            on_behalf_of: None,
        },
        evidence: Evidence {
            digest: CommandDigest::from_bytes([0; 16]),
            proof: Proof::LocalUid,
            signed: None,
        },
        subject: Subject::Incident(incident),
        tenant: None,
        cause: None,
        why: None,
        body: said.into(),
    }
}

/// A number that no incident on the page has: from the top, far from those that hereby gives.
fn unused(page: &status::Page) -> IncidentId {
    let lowest = page.incidents.keys().map(|id| id.number());
    let taken: BTreeSet<u32> = lowest.collect();
    let free = (1..=u32::MAX).rev().find(|number| !taken.contains(number));
    IncidentId::from_number(free.unwrap_or(u32::MAX))
}

fn severity(impact: Option<PublicImpact>) -> Result<Severity, Failure> {
    let number = match impact {
        Some(PublicImpact::Critical) => 1,
        Some(PublicImpact::Major) | None => 2,
        Some(PublicImpact::Minor) => 3,
        Some(PublicImpact::None) => 4,
    };
    Severity::from_number(number).map_err(Failure::usage)
}

fn random_id() -> Result<String, Failure> {
    let mut bytes = [0; 12];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("page/{digits}"))
}

/// A command as it will be sent, with the time at which it was said.
fn canonical(
    id: &str,
    step: &str,
    now: Timestamp,
    verb: impl Into<record::command::Verb>,
) -> Result<String, Failure> {
    let id: CommandId = format!("{id}/{step}").parse().map_err(Failure::usage)?;
    let mut command = Command::new(id, verb);
    command.claimed_at = Some(now);
    let bytes = command
        .to_canonical()
        .map_err(|error| Failure::usage("the update can't be taken").because(error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A directory beside the bundle for the time of a run.
struct Work(PathBuf);

fn tempfile_directory(bundle: &Path) -> Result<Work, Failure> {
    let name = format!("{}.{}.work", bundle.display(), std::process::id());
    let path = PathBuf::from(name);
    std::fs::create_dir(&path).map_err(|error| unwritten(&error))?;
    Ok(Work(path))
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
