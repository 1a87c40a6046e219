//! What edges run: cells and edges, versions, how they go out and come back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use base::{Name, Tenant, Timestamp};
use hyper::Method;
use policy::config::Config;
use policy::version::Version;
use record::command::{
    AdvanceDeployment, DefineCell, DeployVersion, FreezeFleet, InviteEdge, LiftLease,
    PauseDeployment, RemoveCell, ResumeDeployment, RetireEdge, RollBack, SetCellFloor,
    UnfreezeFleet, Verb,
};
use record::hash::{Hash, sha256};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Session, keyfile, wire};
use crate::cli::edge::{EdgeArgs, EdgeVerb};
use crate::cli::fleet::{
    CellVerb, DeployArgs, DiffArgs, FleetVerb, LeaseVerb, OfTenant, RollbackArgs, VersionsArgs,
};
use crate::client::{Ask, Secret};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted, stamp};
use traffic::{Share, Traffic};

mod shown;
mod source;
mod traffic;

/// How long `rollback` waits for edges.
const FOLLOW_MAX: Duration = Duration::from_secs(15);
const FOLLOW_LOOK: Duration = Duration::from_millis(100);
/// So many digits of a digest are shown.
const DIGITS: usize = 12;

/// What the API says of the fleet, as far as it is used here.
#[derive(Debug, Deserialize)]
struct Fleet {
    current: Option<String>,
    cells: Vec<Cell>,
    leases: Vec<Lease>,
    frozen: Option<Said>,
    /// Those on their way.
    deployments: Vec<Deployment>,
    tenants: Vec<Own>,
    invitations: Vec<Value>,
}

/// A version of a tenant's own.
#[derive(Debug, Deserialize)]
struct Own {
    tenant: Tenant,
    version: Option<String>,
    cells: Vec<Name>,
}

#[derive(Debug, Deserialize)]
struct Cell {
    cell: Name,
    ring: record::kinds::rollout::Ring,
    edges: u32,
}

#[derive(Debug, Deserialize)]
struct Lease {
    version: String,
    ends_at: Timestamp,
    said: Said,
}

#[derive(Debug, Deserialize)]
struct Said {
    at: Timestamp,
    by: base::Actor,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Deployment {
    deployment: Name,
    tenant: Option<Tenant>,
    version: String,
    standing: String,
    stage: u32,
    stage_at: Timestamp,
    stages: Vec<record::kinds::rollout::StageDrawn>,
    watch_ms: u64,
    said: Said,
    paused: Option<Said>,
    fired: Option<record::kinds::rollout::TriggerFired>,
    ended_at: Option<Timestamp>,
    #[serde(default)]
    requests_in_stage: Option<u64>,
    /// Edges that went back by a break-glass note since.
    #[serde(default)]
    held_by: Option<Vec<Name>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Edge {
    edge: Name,
    cell: Name,
    standing: String,
    told: Option<String>,
    runs: Option<String>,
    heard_ms: Option<i64>,
    program: Option<String>,
    refused: Option<String>,
    requests: Option<u64>,
    failed: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Known {
    version: String,
    tenant: Option<Tenant>,
    bytes: u64,
    deployment: Name,
    said: Said,
    full_at: Option<Timestamp>,
    current: bool,
}

impl Session<'_> {
    pub(super) async fn about_fleet(&self, verb: FleetVerb) -> Result<(), Failure> {
        match verb {
            FleetVerb::Deploy(args) => self.deploy(args).await,
            FleetVerb::Rollback(args) => self.rollback(args).await,
            FleetVerb::Promote(args) => self.promote(&args.of).await,
            FleetVerb::Pause(of) => {
                let deployment = self.under_way(&of).await?.deployment;
                let said = format!("{deployment} stays where it is.");
                self.does(PauseDeployment { deployment }, said).await
            }
            FleetVerb::Resume(of) => {
                let deployment = self.under_way(&of).await?.deployment;
                let said = format!("{deployment} goes on.");
                self.does(ResumeDeployment { deployment }, said).await
            }
            FleetVerb::Freeze => {
                let said = "Nothing new goes out. What goes back does.";
                self.does(FreezeFleet {}, said).await
            }
            FleetVerb::Unfreeze => self.does(UnfreezeFleet {}, "Versions go out again.").await,
            FleetVerb::Lease(args) => match args.verb {
                LeaseVerb::Lift { version } => {
                    let digest = self.version(&version).await?;
                    let said = format!("{} may be brought out again.", short(&hex(&digest)));
                    self.does(LiftLease { digest }, said).await
                }
            },
            FleetVerb::BreakGlass(args) => self.break_glass(args).await,
            FleetVerb::Fleet(args) => self.fleet(args).await,
            FleetVerb::Versions(args) => self.versions(args).await,
            FleetVerb::Diff(args) => self.diff(args).await,
            FleetVerb::History => self.history().await,
            FleetVerb::Cell(args) => match args.verb {
                CellVerb::Define { cell, ring } => {
                    let said = format!("{cell} is there.");
                    let ring = ring.into();
                    self.does(DefineCell { cell, ring }, said).await
                }
                CellVerb::Floor { cell, protocol } => {
                    let said = format!("Edges of {cell} take no protocol below {protocol}.");
                    self.does(SetCellFloor { cell, protocol }, said).await
                }
                CellVerb::Remove { cell } => {
                    let said = format!("{cell} is gone.");
                    self.does(RemoveCell { cell }, said).await
                }
            },
        }
    }

    pub(super) async fn about_edge(&self, args: EdgeArgs) -> Result<(), Failure> {
        match args.verb {
            Some(EdgeVerb::Invite {
                edge,
                cell,
                expires,
                output,
            }) => self.invite(edge, cell, expires, output.as_deref()).await,
            Some(EdgeVerb::Retire { edge }) => {
                let said = format!("{edge} is told nothing any more.");
                self.does(RetireEdge { edge }, said).await
            }
            _ => Err(super::asks_nobody()),
        }
    }

    /// The token is kept before its hash is sent, as with every other one.
    async fn invite(
        &self,
        edge: Name,
        cell: Name,
        life_ms: i64,
        output: Option<&Path>,
    ) -> Result<(), Failure> {
        let secret = Secret::random()?;
        if let Some(path) = output {
            keyfile::write_new(path, secret.expose())?;
        }
        let said = format!(
            "{edge} may enroll in {cell}, until {}.",
            stamp(self.now.plus_ms(life_ms))
        );
        let verb = InviteEdge {
            cell,
            edge,
            expires_at: self.now.plus_ms(life_ms),
            hash: secret.hash(),
        };
        let sent = self.submit(verb.into()).await;
        let (id, done) = match sent {
            Ok(sent) => sent,
            Err(failure) => {
                if let Some(path) = output.filter(|_| failure.exit != Exit::Unknown) {
                    let _ = std::fs::remove_file(path);
                }
                return Err(failure);
            }
        };
        let shown = output.is_none().then(|| secret.expose());
        if self.out.is_json() {
            return self.out.json(&json!({
                "outcome": "done", "id": id, "receipts": done.receipts, "token": shown,
            }));
        }
        self.did(&done, said);
        match output {
            Some(path) => self
                .out
                .talk(format!("The token is in {}.", path.display())),
            None => {
                self.out.talk("The token is printed once and kept nowhere:");
                self.out.data(secret.expose())?;
            }
        }
        Ok(())
    }

    /// Requests of the last hour; none: an earlier control does not count them.
    async fn traffic(&self) -> Result<Option<Traffic>, Failure> {
        match self.client.read("/api/v1/traffic").await {
            Err(failure) if failure.reason.as_deref() == Some("not_found") => Ok(None),
            other => other.map(Some),
        }
    }

    async fn read_fleet(&self) -> Result<Fleet, Failure> {
        self.client.read("/api/v1/fleet").await
    }

    /// What is on its way: of the tenant that is named, or the fleet's; or the only one.
    async fn under_way(&self, of: &OfTenant) -> Result<Deployment, Failure> {
        let mut all = self.read_fleet().await?.deployments;
        let meant = all.iter().position(|it| it.tenant == of.tenant);
        let only = (of.tenant.is_none() && all.len() == 1).then_some(0);
        if let Some(place) = meant.or(only) {
            return Ok(all.swap_remove(place));
        }
        let failure = Failure::new(Exit::Refused, "no such version goes out now");
        let names = all.iter().filter_map(|it| it.tenant.as_ref());
        let names: Vec<String> = names.map(|tenant| format!("--tenant {tenant}")).collect();
        Err(match names.is_empty() {
            true => failure.hint("hereby history lists those that did"),
            false => failure.hint(format!("on their way: {}", names.join(", "))),
        })
    }

    async fn deploy(&self, args: DeployArgs) -> Result<(), Failure> {
        let tenant = args.of.tenant.as_ref();
        let (after, config) = source::read(&args.path, tenant)?;
        let template = match &args.template {
            None => None,
            Some(file) => Some(std::fs::read_to_string(file).map_err(|error| {
                Failure::usage(format!("{} can't be read", file.display())).because(error)
            })?),
        };
        let fleet = self.read_fleet().await?;
        let place = self.place_of(tenant, &fleet, &config).await?;
        self.warn_of_cells(&fleet, &config);
        let before = self.replaced(&place).await;
        let bytes = after.to_bytes();
        let digest = sha256(&[&bytes]);
        let read = before.as_ref().map(|(version, config)| (version, config));
        let changes = rollout::changes::parts(read, (&after, &config));
        let affected = source::affected(tenant, read, (&after, &config));
        let traffic = self.traffic().await?;
        let mut plan = source::plan(&fleet, template.as_deref(), (&digest, place.cell.as_ref()))?;
        if fleet.current.is_none() {
            // There is nothing to go back to: it is not watched.
            plan.watch_ms = 0;
        }
        if args.plan || !self.out.is_json() {
            self.shown_before(&Looked {
                digest: &digest,
                before: before.as_ref().map(|(version, _)| version),
                after: &after,
                changes: &changes,
                replaces: place.replaces.as_deref(),
                tenants: (affected.len(), place.tenants),
                traffic: traffic.and_then(|traffic| traffic.of(&affected)),
                plan: &plan,
                fleet: &fleet,
            })?;
        }
        if args.plan {
            return Ok(());
        }
        let ask = Ask::with_body(
            Method::PUT,
            "/api/v1/blobs",
            "application/octet-stream",
            bytes.clone(),
        );
        self.client.answer(&ask).await?;
        let verb = DeployVersion {
            bytes: bytes.len() as u64,
            cell: place.cell,
            changes,
            digest,
            incident: args.incident,
            template: template.map(Into::into),
            tenant: args.of.tenant,
        };
        let done = self.send(verb).await?;
        let name = done
            .receipts
            .first()
            .map_or("", |receipt| receipt.subject.id.as_str());
        self.did(&done, format!("{name}: {} goes out.", short(&hex(&digest))));
        if !self.out.is_json() {
            self.next("fleet --watch");
        }
        Ok(())
    }

    async fn promote(&self, of: &OfTenant) -> Result<(), Failure> {
        let under_way = self.under_way(of).await?;
        let stage = under_way.stage + 1;
        let verb = AdvanceDeployment {
            deployment: under_way.deployment.clone(),
            requests: None,
            stage,
        };
        let said = format!(
            "{} is at stage {} of {}.",
            under_way.deployment,
            stage + 1,
            under_way.stages.len()
        );
        self.does(verb, said).await
    }

    async fn rollback(&self, args: RollbackArgs) -> Result<(), Failure> {
        let begun = Instant::now();
        let digest = match &args.version {
            Some(version) => Some(self.version(version).await?),
            None => None,
        };
        let verb = RollBack {
            digest,
            incident: args.incident,
            lease_ms: u64::try_from(args.lease).ok(),
            tenant: args.of.tenant.clone(),
        };
        let (id, done) = self.submit(Verb::from(verb)).await?;
        if self.out.is_json() {
            return self.document(id, &done, None);
        }
        let first = done.receipts.first();
        if first.is_some_and(|receipt| receipt.kind.starts_with("deployment.aborted")) {
            self.did(
                &done,
                "It goes no further. Nothing ran before: whoever runs it goes on with it.",
            );
            return Ok(());
        }
        let fleet = self.read_fleet().await?;
        let whose = match digest {
            Some(digest) => self.whose(&digest).await?,
            None => args.of.tenant.clone(),
        };
        self.did(&done, self.went_back(&fleet, whose.as_ref()));
        if let Some(lease) = fleet.leases.iter().max_by_key(|lease| lease.said.at) {
            self.out.talk(format!(
                "{} is not brought out again before {} (hereby lease lift {} -m WHY)",
                short(&lease.version),
                stamp(lease.ends_at),
                short(&lease.version),
            ));
        }
        for it in fleet.deployments.iter().filter_map(|it| it.tenant.as_ref()) {
            self.out.talk(format!(
                "{it}'s own version goes on: hereby rollback --tenant {it}"
            ));
        }
        let followed = match args.no_wait {
            true => Ok(()),
            false => self.follow(begun).await,
        };
        self.out.talk(
            "Not taken back: what was written to data meanwhile, keys and certificates that were \
             changed, and what holds at once (hereby bans, revocations, failover).",
        );
        followed
    }

    /// Whose own a version is; none: the fleet's.
    async fn whose(&self, digest: &Hash) -> Result<Option<Tenant>, Failure> {
        let all: Vec<Known> = wire::typed(&self.list("/api/v1/versions", "before").await?)?;
        let digits = hex(digest);
        let known = all.into_iter().find(|known| known.version == digits);
        Ok(known.and_then(|known| known.tenant))
    }

    /// What edges are told now.
    fn went_back(&self, fleet: &Fleet, tenant: Option<&Tenant>) -> String {
        let Some(tenant) = tenant else {
            let to = fleet.current.as_deref().map_or("nothing", short);
            return format!("All edges are told to run {to}.");
        };
        let own = fleet.tenants.iter().find(|own| own.tenant == *tenant);
        match own.and_then(|own| own.version.as_deref()) {
            Some(to) => format!("{tenant}'s edges are told to run {}.", short(to)),
            None => {
                format!("{tenant}'s edges are told to run what the fleet's version says of it.")
            }
        }
    }

    /// Waits until every edge that is heard of runs what it was told.
    async fn follow(&self, begun: Instant) -> Result<(), Failure> {
        loop {
            let edges: Vec<Edge> = wire::typed(&self.list("/api/v1/edges", "after").await?)?;
            let heard = edges.iter().filter(|edge| edge.standing != "unknown");
            let (follow, rest): (Vec<&Edge>, Vec<&Edge>) =
                heard.partition(|edge| edge.standing == "follows");
            let silent = edges.len() - follow.len() - rest.len();
            if rest.is_empty() || begun.elapsed() > FOLLOW_MAX {
                let took = begun.elapsed().as_millis();
                let line =
                    Line::new().styled(Style::Good, format!("{} of {}", follow.len(), edges.len()));
                self.out
                    .talk(line.text(format!(" edges run it, after {took} ms")));
                for edge in &rest {
                    let why = edge.refused.as_deref();
                    let why = why.unwrap_or("it has not said that it does");
                    self.out.warn(&format!("{} does not: {why}", edge.edge));
                }
                if silent > 0 {
                    self.out.warn(&format!(
                        "{} not heard of: they follow when they are back",
                        counted(silent, "edge")
                    ));
                }
                return match rest.is_empty() {
                    true => Ok(()),
                    false => Err(Failure::new(
                        Exit::Unknown,
                        format!("{} run something else", counted(rest.len(), "edge")),
                    )
                    .because("the rollback is on the record; they were told")
                    .hint("hereby fleet --watch shows when they follow")),
                };
            }
            tokio::time::sleep(FOLLOW_LOOK).await;
        }
    }

    /// The version whose digest begins so.
    async fn version(&self, begin: &str) -> Result<Hash, Failure> {
        let all: Vec<Known> = wire::typed(&self.list("/api/v1/versions", "before").await?)?;
        let lower = begin.to_ascii_lowercase();
        let mut found = all.iter().filter(|known| known.version.starts_with(&lower));
        let (first, second) = (found.next(), found.next());
        match (first, second) {
            (Some(one), None) if lower.len() >= 4 => unhex(&one.version).ok_or_else(|| {
                Failure::new(Exit::Internal, "this build cannot read hereby's answer")
            }),
            (Some(_), _) => Err(
                Failure::usage(format!("`{begin}` does not name one version"))
                    .hint("write more of it: hereby versions lists them"),
            ),
            (None, _) => Err(
                Failure::new(Exit::Refused, format!("there is no version {begin}"))
                    .hint("hereby versions lists them"),
            ),
        }
    }

    /// A version with its files.
    async fn read_version(&self, digits: &str) -> Result<(Version, Config), Failure> {
        let answer = self
            .client
            .answer(&Ask::get(format!("/api/v1/blobs/{digits}")))
            .await?;
        Version::parse(&answer.body).map_err(|flaws| {
            let lines: Vec<String> = flaws.iter().map(ToString::to_string).collect();
            Failure::new(
                Exit::Internal,
                format!("version {} can't be read", short(digits)),
            )
            .because(lines.join("; "))
        })
    }

    async fn versions(&self, args: VersionsArgs) -> Result<(), Failure> {
        let Some(version) = &args.version else {
            return self.all_versions().await;
        };
        let digits = hex(&self.version(version).await?);
        let (version, _) = self.read_version(&digits).await?;
        if let Some(name) = &args.print {
            let file = version.files().get(name).ok_or_else(|| {
                Failure::new(Exit::Refused, format!("there is no {name} in it"))
                    .hint("without --print its files are listed")
            })?;
            return self.out.bytes(file);
        }
        if self.out.is_json() {
            let files: BTreeMap<&String, usize> = version
                .files()
                .iter()
                .map(|(path, content)| (path, content.len()))
                .collect();
            return self.out.json(&json!({ "version": digits, "files": files }));
        }
        for (path, content) in version.files() {
            self.out.data(format!("{:>9}  {path}", content.len()))?;
        }
        Ok(())
    }

    async fn diff(&self, args: DiffArgs) -> Result<(), Failure> {
        let (before, after) = (
            self.version(&args.before).await?,
            self.version(&args.after).await?,
        );
        let before = self.read_version(&hex(&before)).await?;
        let after = self.read_version(&hex(&after)).await?;
        self.out
            .lines(&source::differences(Some(&before.0), &after.0))
    }
}

/// A digest as people write it.
fn hex(digest: &Hash) -> String {
    crate::edge::hex(digest)
}

fn unhex(digits: &str) -> Option<Hash> {
    let pairs = digits.as_bytes().chunks_exact(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    Some(Hash(bytes?.try_into().ok()?))
}

/// The beginning of a digest.
fn short(digits: &str) -> &str {
    digits.get(..DIGITS).unwrap_or(digits)
}

/// What is known of a version before it is deployed.
struct Looked<'l> {
    digest: &'l Hash,
    before: Option<&'l Version>,
    after: &'l Version,
    changes: &'l std::collections::BTreeSet<record::kinds::rollout::Part>,
    /// So many tenants may be answered otherwise, of so many.
    tenants: (usize, usize),
    /// What part of the requests of late theirs were; none: nobody knows.
    traffic: Option<Share>,
    replaces: Option<&'l str>,
    plan: &'l rollout::plan::Plan,
    fleet: &'l Fleet,
}
