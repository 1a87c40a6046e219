//! Who and what there is, and who may ask for what.

use incident::Guard;
use record::command::{
    Address, GrantPermission, RegisterPerson, RegisterService, RegisterTeam, RemovePerson,
    RemoveService, RemoveTeam, WithdrawPermission,
};
use record::kinds::directory::Permission;
use serde_json::json;

use super::{Session, tell, wire};
use crate::cli::directory::{
    GrantArgs, PersonArgs, PersonVerb, ServiceArgs, ServiceVerb, TeamArgs, TeamVerb, WithdrawArgs,
};
use crate::exit::Failure;
use crate::say::{Line, Out, Style, counted, duration, table};

/// Prints who may ask for what, and what waits for a second person. Needs no running hereby: both
/// tables are part of the build.
pub(crate) fn policy(out: &Out) -> Result<(), Failure> {
    let rows = incident::POLICY.iter().map(|(command, allowing)| {
        let words: Vec<&str> = allowing.iter().map(|it| it.as_str()).collect();
        (*command, words)
    });
    if out.is_json() {
        let rows: Vec<_> = rows
            .map(|(command, words)| json!({"command": command, "permissions": words}))
            .collect();
        let guards: Vec<_> = incident::IRREVERSIBLE.iter().map(guard_json).collect();
        return out.json(&json!({ "items": rows, "irreversible": guards }));
    }
    let rows = rows.map(|(command, words)| {
        let cells = vec![Line::new().styled(Style::Bold, command)];
        (cells, words.join(", "))
    });
    let guards = incident::IRREVERSIBLE.iter().map(|guard| {
        let cells = vec![Line::new().styled(Style::Bold, guard.command)];
        (cells, guard_words(guard))
    });
    let width = out.width();
    let mut lines = table(&["COMMAND", "ANY ONE OF"], rows.collect(), width);
    lines.push(Line::new());
    lines.extend(table(
        &["CAN'T BE UNDONE", "WHEN, AND FOR WHAT IT WAITS"],
        guards.collect(),
        width,
    ));
    lines.into_iter().try_for_each(|line| out.data(line))
}

fn guard_json(guard: &Guard) -> serde_json::Value {
    json!({
        "command": guard.command,
        "when": guard.when,
        "approvals": guard.approvals,
        "wait_ms": guard.wait_ms,
        "delay_ms": guard.delay_ms,
        "override_allowed": guard.override_allowed,
    })
}

fn guard_words(guard: &Guard) -> String {
    let mut parts = vec![format!(
        "for {} by others",
        counted(guard.approvals, "approval")
    )];
    if guard.wait_ms > 0 {
        parts.push(format!("and {} at least", duration(guard.wait_ms)));
    }
    parts.push(match guard.delay_ms {
        Some(ms) => format!("or {} without an objection", duration(ms)),
        None => "never done by itself".to_owned(),
    });
    parts.push(match guard.override_allowed {
        true => "somebody can answer for it alone".to_owned(),
        false => "nobody can answer for it alone".to_owned(),
    });
    format!("{}; waits {}", guard.when, parts.join(", "))
}

impl Session<'_> {
    pub(super) async fn person(&self, args: PersonArgs) -> Result<(), Failure> {
        match args.verb {
            PersonVerb::Add {
                person,
                full_name,
                places,
            } => {
                let said = format!("{person} is known.");
                let places = places
                    .into_iter()
                    .map(|(kind, address)| Address { address, kind })
                    .collect();
                let verb = RegisterPerson {
                    full_name,
                    person,
                    places,
                };
                self.does(verb, said).await
            }
            PersonVerb::Remove { person } => {
                let said = format!("{person} is forgotten, and may ask for nothing.");
                self.does(RemovePerson { person }, said).await
            }
            PersonVerb::List => self.people().await,
        }
    }

    async fn people(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/people", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let people: Vec<wire::Person> = wire::typed(&items)?;
        if people.is_empty() {
            self.out.talk("Nobody is known yet: hereby person add NAME");
            return Ok(());
        }
        let rows = people.iter().map(|person| {
            let name = person.full_name.as_ref().map(tell::opened);
            let places: Vec<String> = person
                .places
                .iter()
                .map(|place| tell::opened(&place.address))
                .collect();
            let may: Vec<String> = person
                .permissions
                .iter()
                .map(|grant| match &grant.team {
                    Some(team) => format!("{} ({team})", grant.permission.as_str()),
                    None => grant.permission.as_str().to_owned(),
                })
                .collect();
            let cells = vec![
                Line::new().styled(Style::Bold, person.person.to_string()),
                Line::new().text(name.unwrap_or_else(|| "-".to_owned())),
                Line::new().text(places.join(", ")),
            ];
            (cells, may.join(", "))
        });
        let header = ["PERSON", "NAME", "REACHED AT", "MAY"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    pub(super) async fn team(&self, args: TeamArgs) -> Result<(), Failure> {
        match args.verb {
            TeamVerb::Add { team, about } => {
                let said = format!("{team} is known.");
                self.does(RegisterTeam { about, team }, said).await
            }
            TeamVerb::Remove { team } => {
                let said = format!("{team} is forgotten.");
                self.does(RemoveTeam { team }, said).await
            }
            TeamVerb::List => self.teams().await,
        }
    }

    async fn teams(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/teams", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let teams: Vec<wire::Team> = wire::typed(&items)?;
        if teams.is_empty() {
            self.out.talk("No team is known yet: hereby team add NAME");
            return Ok(());
        }
        let rows = teams.iter().map(|team| {
            let cells = vec![Line::new().styled(Style::Bold, team.team.to_string())];
            let about = team.about.as_ref().map(ToString::to_string);
            (cells, about.unwrap_or_default())
        });
        self.print(table(&["TEAM", "ABOUT"], rows.collect(), self.out.width()))
    }

    pub(super) async fn service(&self, args: ServiceArgs) -> Result<(), Failure> {
        match args.verb {
            ServiceVerb::Add {
                service,
                tier,
                owner,
                about,
                dependencies,
            } => {
                let said = format!("{service} is known.");
                let verb = RegisterService {
                    about,
                    dependencies,
                    owner,
                    service,
                    tier,
                };
                self.does(verb, said).await
            }
            ServiceVerb::Remove { service } => {
                let said = format!("{service} is forgotten.");
                self.does(RemoveService { service }, said).await
            }
            ServiceVerb::List => self.services().await,
        }
    }

    async fn services(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/services", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let services: Vec<wire::Service> = wire::typed(&items)?;
        if services.is_empty() {
            self.out
                .talk("No service is known yet: hereby service add NAME --tier 1-4");
            return Ok(());
        }
        let rows = services.iter().map(|service| {
            let needs: Vec<String> = service.dependencies.iter().map(tell::dependency).collect();
            let owner = service.owner.as_ref().map(ToString::to_string);
            let about = service.about.as_ref().map(ToString::to_string);
            let cells = vec![
                Line::new().styled(Style::Bold, service.service.to_string()),
                Line::new().text(service.tier.to_string()),
                Line::new().text(owner.unwrap_or_else(|| "-".to_owned())),
                Line::new().text(needs.join(", ")),
            ];
            (cells, about.unwrap_or_default())
        });
        let header = ["SERVICE", "TIER", "OWNER", "NEEDS", "ABOUT"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    pub(super) async fn grant(&self, GrantArgs { what }: GrantArgs) -> Result<(), Failure> {
        let permission: Permission = what.permission.into();
        let granted = tell::permission(permission, what.team.as_ref());
        let said = format!("{} may {granted}.", what.person);
        let verb = GrantPermission {
            permission,
            person: what.person,
            team: what.team,
        };
        self.does(verb, said).await
    }

    pub(super) async fn withdraw(
        &self,
        WithdrawArgs { what }: WithdrawArgs,
    ) -> Result<(), Failure> {
        let permission: Permission = what.permission.into();
        let withdrawn = tell::permission(permission, what.team.as_ref());
        let said = format!("{} may no more {withdrawn}.", what.person);
        let verb = WithdrawPermission {
            permission,
            person: what.person,
            team: what.team,
        };
        self.does(verb, said).await
    }
}
