//! Runs an incident: declare, acknowledge, assign, note, update, status, severity, resolve, reopen.

use base::IncidentId;
use record::command::{
    Accept, Acknowledge, Assign, HandOver, Note, Relieve, Reopen, Resolve, SetSeverity, SetStatus,
    StampTime, Update, Waive,
};
use record::kinds::incident::Audience;

use super::{Session, wire};
use crate::cli::respond::{
    AcceptArgs, AcknowledgeArgs, AssignArgs, DeclareArgs, HandOverArgs, NoteArgs, RelieveArgs,
    ReopenArgs, ResolveArgs, SeverityArgs, StatusArgs, TimeArgs, UpdateArgs, WaiveArgs,
};
use crate::client::Done;
use crate::exit::Failure;
use crate::say::{Line, Style};

impl Session<'_> {
    pub(super) async fn declare(&self, args: DeclareArgs) -> Result<(), Failure> {
        let mut alerts = Vec::new();
        for alert in &args.alert {
            alerts.push(self.alert_named(alert).await?);
        }
        let verb = self.declaration(args, alerts).await?;
        let (severity, title) = (verb.severity, verb.title.to_string());
        let (drill, private) = (verb.drill, verb.private);
        let done = self.send(verb).await?;
        if self.out.is_json() {
            return Ok(());
        }
        let Some(incident) = incident_of(&done) else {
            return Ok(());
        };
        let mut said = Line::new()
            .text("Declared ")
            .styled(Style::Bold, incident.to_string());
        if drill {
            said = said.text(" ").styled(Style::Loud, "DRILL");
        }
        if private {
            said = said.text(" ").styled(Style::Loud, "PRIVATE");
        }
        self.did(&done, said.text(format!(", {severity}: {title}")));
        self.out.data(incident.to_string())?;
        self.next(&format!("acknowledge {incident}"));
        self.next(&format!("assign {incident} commander NAME"));
        Ok(())
    }

    pub(super) async fn acknowledge(&self, args: AcknowledgeArgs) -> Result<(), Failure> {
        let incident = args.incident;
        let done = self.send(Acknowledge { incident }).await?;
        self.did(&done, format!("Acknowledged {incident}; reminders stop."));
        Ok(())
    }

    pub(super) async fn time(&self, args: TimeArgs) -> Result<(), Failure> {
        let (incident, stamp) = (args.incident, args.stamp.into());
        let at = args.at.map(|at| at.resolve(self.now));
        let name = super::tell::stamped(stamp);
        let said = match at {
            Some(at) => format!("{incident}: {name} {}.", crate::say::stamp(at)),
            None => format!("{incident}: nobody knows when it was {name}."),
        };
        let verb = StampTime {
            at,
            incident,
            stamp,
        };
        self.does(verb, said).await
    }

    pub(super) async fn hand_over(&self, args: HandOverArgs) -> Result<(), Failure> {
        let (incident, role) = (args.incident, args.role.into());
        let name = super::tell::role(role);
        let said = format!("{} is asked to be {name} of {incident}.", args.to);
        let next = format!("accept {incident} {name} --as {}", args.to);
        let verb = HandOver {
            incident,
            role,
            to: args.to,
        };
        let done = self.send(verb).await?;
        self.did(&done, said);
        self.next(&next);
        Ok(())
    }

    pub(super) async fn accept(&self, args: AcceptArgs) -> Result<(), Failure> {
        let (incident, role) = (args.incident, args.role.into());
        let said = format!("You are {} of {incident}.", super::tell::role(role));
        self.does(Accept { incident, role }, said).await
    }

    pub(super) async fn relieve(&self, args: RelieveArgs) -> Result<(), Failure> {
        let (incident, role) = (args.incident, args.role.into());
        let name = super::tell::role(role);
        let said = format!("{} is {name} of {incident} no more.", args.person);
        let verb = Relieve {
            incident,
            person: args.person,
            role,
        };
        self.does(verb, said).await
    }

    pub(super) async fn waive(&self, args: WaiveArgs) -> Result<(), Failure> {
        let WaiveArgs { incident, person } = args;
        let said = format!("{person} may be commander and operations of {incident} at once.");
        self.does(Waive { incident, person }, said).await
    }

    pub(super) async fn assign(&self, args: AssignArgs) -> Result<(), Failure> {
        let (incident, role) = (args.incident, args.role.into());
        let said = format!(
            "{} is {} of {incident}.",
            args.person,
            super::tell::role(role)
        );
        let done = self
            .send(Assign {
                incident,
                person: args.person,
                role,
            })
            .await?;
        self.did(&done, said);
        Ok(())
    }

    pub(super) async fn note(&self, args: NoteArgs) -> Result<(), Failure> {
        let incident = args.incident;
        let text = self.prose(args.text.as_deref(), "note")?;
        let mut blobs = self.upload(incident, &args.file).await?;
        let nameless = !blobs.is_empty() && self.is_private(incident).await?;
        if nameless {
            // A note's text is sealed, the names of its files are not.
            blobs.iter_mut().for_each(|blob| blob.name = None);
        }
        let with = match blobs.len() {
            0 => String::new(),
            1 => ", with a file".to_owned(),
            files => format!(", with {files} files"),
        };
        let done = self
            .send(Note {
                blobs,
                incident,
                text,
            })
            .await?;
        self.did(&done, format!("Noted on {incident}{with}."));
        if nameless {
            let why =
                "Files of this note have no name on the record: there it would not be sealed.";
            self.out.talk(why);
        }
        Ok(())
    }

    async fn is_private(&self, incident: IncidentId) -> Result<bool, Failure> {
        let path = format!("/api/v1/incidents/{incident}");
        let page: wire::IncidentPage = self.client.read(&path).await?;
        Ok(wire::one::<wire::Incident>(&page.incident)?.private)
    }

    pub(super) async fn update(&self, args: UpdateArgs) -> Result<(), Failure> {
        let (incident, audience) = (args.incident, args.to.into());
        if args.notify && audience != Audience::Public {
            return Err(Failure::usage(
                "subscribers are told what the public is told: --notify goes with --to public",
            ));
        }
        let text = self.prose(args.text.as_deref(), "update")?;
        let status = args.status.map(Into::into);
        let done = self
            .send(Update {
                audience,
                incident,
                page: args.word.word()?,
                status,
                text,
            })
            .await?;
        self.did(
            &done,
            format!("Told {} about {incident}.", super::tell::audience(audience)),
        );
        let update = done.receipts.first().map(|receipt| receipt.act);
        match (audience, update) {
            (Audience::Public, Some(update)) => {
                self.after_public_update(incident, update, args.notify)
                    .await
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn status(&self, args: StatusArgs) -> Result<(), Failure> {
        let (Some(incident), Some(status)) = (args.incident, args.status) else {
            return self.server_status().await;
        };
        let status = status.into();
        let done = self.send(SetStatus { incident, status }).await?;
        self.did(
            &done,
            format!("{incident} is {}.", super::tell::status(status)),
        );
        Ok(())
    }

    pub(super) async fn severity(&self, args: SeverityArgs) -> Result<(), Failure> {
        let SeverityArgs { incident, severity } = args;
        self.does(
            SetSeverity { incident, severity },
            format!("{incident} is {severity} now."),
        )
        .await
    }

    pub(super) async fn resolve(&self, args: ResolveArgs) -> Result<(), Failure> {
        let ResolveArgs { incident, summary } = args;
        let done = self.send(Resolve { incident, summary }).await?;
        self.did(&done, format!("Resolved {incident}."));
        self.next(&format!("update {incident} --to public TEXT"));
        Ok(())
    }

    pub(super) async fn reopen(&self, args: ReopenArgs) -> Result<(), Failure> {
        let incident = args.incident;
        let done = self.send(Reopen { incident }).await?;
        self.did(&done, format!("{incident} is open again."));
        self.next(&format!("acknowledge {incident}"));
        Ok(())
    }
}

/// The incident that a declaration made: the subject of its acts.
fn incident_of(done: &Done) -> Option<IncidentId> {
    let subject = &done.receipts.first()?.subject;
    if subject.kind == "incident" {
        subject.id.parse().ok()
    } else {
        None
    }
}
