//! The guided tour: a real incident of 2017 played through the real API, marked as a drill.
//!
//! Nothing here has a way of its own into hereby: alerts come by Alertmanager's webhook, people's
//! words by the same commands that the CLI sends. The people are samples.

use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::client::{Ask, Client};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style};

/// How long a reader gets for each step.
const PAUSE: Duration = Duration::from_millis(1_500);

/// One thing that happens.
struct Step {
    /// When it happened in 2017.
    clock: &'static str,
    /// What the tour says about it.
    tale: &'static str,
    /// Who does it; nobody: a monitoring tool.
    who: Option<&'static str>,
    /// The command line that does the same, `{INC}` for the incident.
    line: &'static str,
    what: What,
}

enum What {
    Alert {
        resolved: bool,
    },
    Command {
        name: &'static str,
        args: fn(&str) -> Value,
        why: Option<&'static str>,
    },
}

/// Plays the story; returns the incident's id. `call` is how hereby is called from a terminal.
pub(crate) async fn play(client: &Client, call: &str, out: &Out) -> Result<String, Failure> {
    out.talk(Line::new().styled(
        Style::Bold,
        "Rehearsal: a cryptominer on two servers, 21 December 2017. Everything is marked DRILL.",
    ));
    let run = random_run()?;
    let mut incident = String::new();
    for (number, step) in STORY.iter().enumerate() {
        tokio::time::sleep(PAUSE).await;
        out.talk(Line::new().text(""));
        out.talk(
            Line::new()
                .styled(Style::Dim, format!("{}  ", step.clock))
                .text(step.tale),
        );
        let shown = step.line.replace("{INC}", &incident);
        out.talk(Line::new().styled(Style::Good, format!("       $ {shown}")));
        match &step.what {
            What::Alert { resolved } => alert(client, &run, *resolved).await?,
            What::Command { name, args, why } => {
                let id = format!("rehearsal-{run}-{number}");
                let receipts = command(client, &id, name, &args(&incident), step.who, *why).await;
                let subject = first_subject(&receipts?);
                if incident.is_empty() {
                    incident = subject.ok_or_else(|| {
                        Failure::new(Exit::Internal, "the declaration has no receipt")
                    })?;
                }
            }
        }
    }
    out.talk(Line::new().text(""));
    out.talk(Line::new().styled(Style::Bold, "That was it. Now look around:"));
    for next in [
        format!("{call} show {incident}"),
        format!("{call} export {incident} -o {incident}.json"),
        format!("{call} verify"),
        format!("{call} declare \"something of your own\" --severity 3"),
    ] {
        out.talk(Line::new().styled(Style::Good, format!("  $ {next}")));
    }
    Ok(incident)
}

const STORY: &[Step] = &[
    Step {
        clock: "07:30",
        tale: "The agency's monitoring says that two servers were unavailable for five minutes.",
        who: None,
        line: "(Alertmanager's webhook: POST /api/v1/alertmanager)",
        what: What::Alert { resolved: false },
    },
    Step {
        clock: "07:52",
        tale: "Sam looks: the machine has rebooted, CPU is orders of magnitude above normal. \
               Nobody panics, because somebody says it: I hereby declare this an incident.",
        who: Some("sam"),
        line: "hereby declare \"servers rebooted, CPU far above normal\" --severity 2 --service web --drill",
        what: What::Command {
            name: "incident.declare",
            args: |_| {
                json!({
                    "title": "servers rebooted, CPU far above normal",
                    "severity": 2, "service": "web", "drill": true,
                })
            },
            why: Some("an unexplained reboot and an unexplained load are two too many"),
        },
    },
    Step {
        clock: "07:53",
        tale: "Kim takes it: reminders stop.",
        who: Some("kim"),
        line: "hereby acknowledge {INC}",
        what: What::Command {
            name: "incident.acknowledge",
            args: |id| json!({ "incident": id }),
            why: None,
        },
    },
    Step {
        clock: "07:53",
        tale: "One commands, another operates, a third one talks: never the same person.",
        who: Some("kim"),
        line: "hereby assign {INC} commander kim",
        what: What::Command {
            name: "incident.assign",
            args: |id| json!({ "incident": id, "role": "commander", "person": "kim" }),
            why: None,
        },
    },
    Step {
        clock: "07:54",
        tale: "Operations.",
        who: Some("kim"),
        line: "hereby assign {INC} operations sam",
        what: What::Command {
            name: "incident.assign",
            args: |id| json!({ "incident": id, "role": "operations", "person": "sam" }),
            why: None,
        },
    },
    Step {
        clock: "07:54",
        tale: "Communications.",
        who: Some("kim"),
        line: "hereby assign {INC} communications alex",
        what: What::Command {
            name: "incident.assign",
            args: |id| json!({ "incident": id, "role": "communications", "person": "alex" }),
            why: None,
        },
    },
    Step {
        clock: "07:58",
        tale: "Sam finds it.",
        who: Some("sam"),
        line: "hereby note {INC} \"a miner runs from root's crontab\"",
        what: What::Command {
            name: "incident.note",
            args: |id| {
                json!({
                    "incident": id,
                    "text": "A miner runs from root's crontab; it came back after kill. Load 64 on 4 cores.",
                })
            },
            why: None,
        },
    },
    Step {
        clock: "08:01",
        tale: "The cause is known; the status says so.",
        who: Some("kim"),
        line: "hereby status {INC} identified",
        what: What::Command {
            name: "incident.set_status",
            args: |id| json!({ "incident": id, "status": "identified" }),
            why: None,
        },
    },
    Step {
        clock: "08:05",
        tale: "Alex tells the others, and asks: did anybody change the firewall?",
        who: Some("alex"),
        line: "hereby update {INC} --to insiders \"…\"",
        what: What::Command {
            name: "incident.update",
            args: |id| {
                json!({
                    "incident": id, "audience": "insiders",
                    "text": "Somebody else's miner runs on web-1 and web-2. Customers' data: no sign \
                             of access so far. Question to all: did anybody change the firewall \
                             since Tuesday? Next word at 08:45.",
                })
            },
            why: None,
        },
    },
    Step {
        clock: "08:20",
        tale: "How it got in: a management interface nobody knew of, behind a firewall that \
               failed open.",
        who: Some("sam"),
        line: "hereby note {INC} \"…\"",
        what: What::Command {
            name: "incident.note",
            args: |id| {
                json!({
                    "incident": id,
                    "text": "Entry: a management interface we did not know of. The firewall had \
                             failed open after its own update. Persistence: cron, and a systemd \
                             unit named like ours.",
                })
            },
            why: None,
        },
    },
    Step {
        clock: "08:40",
        tale: "Contained: the machines are off the network. Watch it.",
        who: Some("kim"),
        line: "hereby status {INC} monitoring",
        what: What::Command {
            name: "incident.set_status",
            args: |id| json!({ "incident": id, "status": "monitoring" }),
            why: Some("both machines are off the network; a clean one serves"),
        },
    },
    Step {
        clock: "08:45",
        tale: "The public hears it in its own terms.",
        who: Some("alex"),
        line: "hereby update {INC} --to public \"…\"",
        what: What::Command {
            name: "incident.update",
            args: |id| {
                json!({
                    "incident": id, "audience": "public",
                    "text": "Our site was slow this morning between 07:25 and 08:40 UTC. It works \
                             again. We found no sign that customer data was read. We will write \
                             again tomorrow.",
                })
            },
            why: None,
        },
    },
    Step {
        clock: "08:47",
        tale: "The monitoring agrees.",
        who: None,
        line: "(Alertmanager's webhook: resolved)",
        what: What::Alert { resolved: true },
    },
    Step {
        clock: "+1 day",
        tale: "The machines are torn down and rebuilt. It is over when somebody says so.",
        who: Some("kim"),
        line: "hereby resolve {INC} \"…\"",
        what: What::Command {
            name: "incident.resolve",
            args: |id| {
                json!({
                    "incident": id,
                    "summary": "Both machines torn down and rebuilt from scratch; every secret on \
                                them replaced. Follow-up meeting on Monday 29 January, so that the \
                                pain stays fresh until it is fixed.",
                })
            },
            why: None,
        },
    },
];

async fn alert(client: &Client, run: &str, resolved: bool) -> Result<(), Failure> {
    let labels = json!({
        "alertname": "ServerUnavailable", "service": "web", "severity": "warning",
        "drill": "true", "rehearsal": run,
    });
    let now = Client::now();
    let starts_at = now.plus_ms(if resolved { -60_000 } else { -1_000 });
    let body = json!({
        "version": "4", "groupKey": run, "truncatedAlerts": 0, "status": "firing",
        "receiver": "hereby", "groupLabels": {}, "commonLabels": labels, "commonAnnotations": {},
        "externalURL": "http://alertmanager.invalid",
        "alerts": [{
            "status": if resolved { "resolved" } else { "firing" },
            "labels": labels,
            "annotations": { "summary": "web-1 and web-2 were unavailable for 5 minutes" },
            "startsAt": STARTS.get_or_init(|| starts_at).to_string(),
            "endsAt": if resolved { now.to_string() } else { "0001-01-01T00:00:00Z".to_owned() },
            "generatorURL": "", "fingerprint": run,
        }],
    });
    let ask = Ask::with_body(
        Method::POST,
        "/api/v1/alertmanager",
        "application/json",
        body.to_string(),
    );
    client.answer(&ask).await.map(drop)
}

/// When the rehearsed alert began: the same when it fires and when it ends.
static STARTS: std::sync::OnceLock<base::Timestamp> = std::sync::OnceLock::new();

async fn command(
    client: &Client,
    id: &str,
    name: &str,
    args: &Value,
    who: Option<&str>,
    why: Option<&str>,
) -> Result<Value, Failure> {
    let mut ask = Ask::with_body(
        Method::POST,
        format!("/api/v1/commands/{name}"),
        "application/json",
        args.to_string(),
    );
    let mut header = |name: &'static str, value: &str| -> Result<(), Failure> {
        let value = HeaderValue::from_str(value).map_err(|error| {
            Failure::new(Exit::Internal, "a header can't be sent").because(error)
        })?;
        ask.headers.push((HeaderName::from_static(name), value));
        Ok(())
    };
    header("idempotency-key", id)?;
    if let Some(who) = who {
        header("hereby-on-behalf-of", who)?;
    }
    if let Some(why) = why {
        header("hereby-why", &crate::client::percent_encoded(why))?;
    }
    let answer = client.answer(&ask).await?;
    serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::new(Exit::Internal, "the answer is no JSON").because(error))
}

fn first_subject(answer: &Value) -> Option<String> {
    answer
        .pointer("/receipts/0/subject/id")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn random_run() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
