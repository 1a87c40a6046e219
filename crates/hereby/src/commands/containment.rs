//! What edges are told at once: bans, revocations, another tier. Each says why.

use record::command::{Ban, OverrideFailover, RevokeCertificate, Unban};
use serde_json::json;

use super::{Session, wire};
use crate::cli::containment::{BanArgs, ContainVerb, FailoverArgs, Place, RevokeArgs, UnbanArgs};
use crate::client::Done;
use crate::exit::Failure;
use crate::say::{Line, Style, duration, stamp, table};

mod affected;
mod certificate;
mod recorded;
mod switches;

pub(super) use affected::affected;
use certificate::Named;

impl Session<'_> {
    pub(super) async fn contain(&self, verb: ContainVerb) -> Result<(), Failure> {
        match verb {
            ContainVerb::Ban(args) => self.ban(args).await,
            ContainVerb::Unban(args) => self.unban(args).await,
            ContainVerb::Bans(_) => self.bans().await,
            ContainVerb::Revoke(args) => self.revoke(args).await,
            ContainVerb::Revocations(_) => self.revocations().await,
            ContainVerb::Failover(args) => self.failover(args).await,
            ContainVerb::Switch(args) => self.switch(args).await,
            ContainVerb::Switches(_) => self.switches().await,
            ContainVerb::Posture(args) => self.posture(args).await,
        }
    }

    /// Refuses what nobody gave a reason for, before anything is sent.
    fn has_reason(&self, what: &str, line: &str) -> Result<(), Failure> {
        match self.globals.why {
            Some(_) => Ok(()),
            None => Err(Failure::usage(format!("{what} has a reason"))
                .because("those who wonder later why somebody got no answer must find it")
                .hint(format!("say why: {line} -m \"…\""))),
        }
    }

    async fn ban(&self, args: BanArgs) -> Result<(), Failure> {
        self.has_reason("a ban", &format!("hereby ban {} --for 2h", args.prefix))?;
        let ends_at = args.length_ms.map(|ms| self.now.plus_ms(ms));
        let until = match ends_at {
            Some(end) => format!("until {}", stamp(end)),
            None => "until that is lifted (hereby unban)".to_owned(),
        };
        let ban = Ban {
            ends_at,
            incident: args.incident,
            prefix: args.prefix,
        };
        let done = self.send(ban).await?;
        let prefix = subject(&done);
        self.did(&done, format!("Banned {prefix} {until}."));
        Ok(())
    }

    async fn unban(&self, args: UnbanArgs) -> Result<(), Failure> {
        self.has_reason("lifting a ban", &format!("hereby unban {}", args.prefix))?;
        let done = self.send(Unban {
            prefix: args.prefix,
        });
        let done = done.await?;
        self.did(&done, format!("{} is banned no more.", subject(&done)));
        Ok(())
    }

    async fn bans(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/bans", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let bans: Vec<wire::Ban> = wire::typed(&items)?;
        if bans.is_empty() {
            self.out.talk("Nobody is banned.");
            return Ok(());
        }
        let rows = bans.iter().map(|ban| {
            let left = ban
                .ends_at
                .map(|end| duration(end.ms_since(self.now).max(0)));
            let mut cells = vec![
                Line::new().styled(Style::Bold, ban.prefix.clone()),
                Line::new().text(ban.ends_at.map_or_else(|| "lifted".to_owned(), stamp)),
                Line::new().text(left.unwrap_or_else(|| "-".to_owned())),
            ];
            cells.extend(said(&ban.said));
            (cells, why(&ban.said))
        });
        let header = ["CLIENTS", "UNTIL", "LEFT", "SINCE", "BY", "INCIDENT", "WHY"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    async fn revoke(&self, args: RevokeArgs) -> Result<(), Failure> {
        if args.affected {
            return self.recorded(&args).await;
        }
        self.has_reason("a revocation", "hereby revoke CERT")?;
        let (named, about) = certificate::named(&args.certificate)?;
        let incident = args.incident;
        let verb = match named {
            Named::Fingerprint(digits) => RevokeCertificate {
                fingerprint: Some(certificate::line(&digits)?),
                incident,
                issuer: None,
                serial: None,
            },
            Named::Numbered { issuer, serial } => RevokeCertificate {
                fingerprint: None,
                incident,
                issuer: Some(certificate::line(&issuer)?),
                serial: Some(certificate::line(&serial)?),
            },
        };
        let done = self.send(verb).await?;
        let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
        let name = subject(&done);
        self.did(
            &done,
            format!("Revoked {name}{about}: it lets nobody in any more."),
        );
        if !self.out.is_json() {
            let named = match name.split_once(':') {
                Some((issuer, serial)) => format!("\"issuer={issuer} serial={serial}\""),
                None => format!("sha256:{name}"),
            };
            self.out.talk(
                Line::new()
                    .styled(Style::Dim, "  who came in with it: ")
                    .text(format!("hereby revoke --affected {named}")),
            );
        }
        Ok(())
    }

    async fn revocations(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/revocations", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let all: Vec<wire::Revocation> = wire::typed(&items)?;
        if all.is_empty() {
            self.out.talk("No certificate is revoked.");
            return Ok(());
        }
        let rows = all.iter().map(|it| {
            let name = match (&it.issuer, &it.serial) {
                (Some(issuer), Some(serial)) => format!("issuer={issuer} serial={serial}"),
                _ => format!("sha256:{}", it.certificate),
            };
            let mut cells = vec![Line::new().styled(Style::Bold, name)];
            cells.extend(said(&it.said));
            (cells, why(&it.said))
        });
        let header = ["CERTIFICATE", "SINCE", "BY", "INCIDENT", "WHY"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    async fn failover(&self, args: FailoverArgs) -> Result<(), Failure> {
        let (Some(route), Some(to)) = (args.route, args.to) else {
            return self.failovers().await;
        };
        self.has_reason("a failover", &format!("hereby failover {route} --to 1"))?;
        let ends_at = self.now.plus_ms(args.length_ms);
        let place = args.cell.as_ref().map(|cell| format!(" in {cell}"));
        let place = place.unwrap_or_default();
        let what = match to {
            Place::Tier(tier) => format!("Tier {tier} of {route} answers{place}"),
            Place::Auto => format!("{route} goes by its plan{place}"),
        };
        let verb = OverrideFailover {
            cell: args.cell,
            ends_at,
            incident: args.incident,
            route,
            tier: match to {
                Place::Tier(tier) => Some(tier),
                Place::Auto => None,
            },
        };
        let done = self.send(verb).await?;
        let until = match to {
            Place::Tier(_) => format!(" until {}, then it goes by its plan", stamp(ends_at)),
            Place::Auto => String::new(),
        };
        self.did(&done, format!("{what}{until}."));
        Ok(())
    }

    async fn failovers(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/failovers", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let all: Vec<wire::Failover> = wire::typed(&items)?;
        if all.is_empty() {
            self.out.talk("Every route goes by its plan.");
            return Ok(());
        }
        let rows = all.iter().map(|it| {
            let tier = it
                .tier
                .map_or_else(|| "auto".to_owned(), |tier| tier.to_string());
            let cell = it.cell.as_ref().map_or("-".to_owned(), ToString::to_string);
            let mut cells = vec![
                Line::new().styled(Style::Bold, it.route.to_string()),
                Line::new().text(cell),
                Line::new().text(tier),
                Line::new().text(stamp(it.ends_at)),
            ];
            cells.extend(said(&it.said));
            (cells, why(&it.said))
        });
        let header = [
            "ROUTE", "CELL", "TIER", "UNTIL", "SINCE", "BY", "INCIDENT", "WHY",
        ];
        self.print(table(&header, rows.collect(), self.out.width()))
    }
}

/// What the command was about, as it stands on the record.
fn subject(done: &Done) -> &str {
    let first = done.receipts.first();
    first.map_or("", |receipt| receipt.subject.id.as_str())
}

fn said(said: &wire::Contained) -> [Line; 3] {
    let incident = said.incident.map_or("-".to_owned(), |id| id.to_string());
    [
        Line::new().text(stamp(said.at)),
        Line::new().text(said.by.to_string()),
        Line::new().text(incident),
    ]
}

fn why(said: &wire::Contained) -> String {
    said.why.clone().unwrap_or_default()
}
