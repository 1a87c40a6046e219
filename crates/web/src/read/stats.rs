//! What past incidents add up to, as JSON and as a picture. Computed when it is asked for, from the
//! summaries that are in memory; nothing is kept.

use std::collections::BTreeMap;

use base::Timestamp;
use incident::stats::{Numbers, Phase, Question, Row, Watched, numbers};
use incident::{Reason, Refusal};
use language::Language;

use super::{get, optional};
use crate::call::Call;
use crate::console::words;
use crate::picture::{self, Picture};
use crate::problem::Problem;
use crate::render;
use crate::reply::{self, Answer, Keep, SVG, with_type};
use crate::route::{Form, Gives, Handler, Route};
use crate::sight::Sight;
use crate::site::Site;

/// What resampling draws from: always the same, so that asking twice gives the same numbers.
const SEED: u64 = 1;

const TIME: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$";

const NAME: &str = "^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$";

/// `all`, and the word of each phase.
const PHASES: &[&str] = &[
    "all",
    "detect",
    "declare",
    "acknowledge",
    "diagnose",
    "mitigate",
    "repair",
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(
            "/api/v1/stats",
            "Adds up past incidents: time per phase, means, failures of services",
            Gives::json("Stats", "The numbers; what is not known is `null`"),
            |call| Box::pin(stats(call)),
        ),
        route(
            "/api/v1/stats.svg",
            "Draws past incidents: each one as a dot, and how they are distributed",
            Gives::other(SVG, "The picture"),
            |call| Box::pin(drawn(call)),
        ),
    ]
}

fn route(path: &str, summary: &str, gives: Gives, handler: Handler) -> Route {
    Route {
        query: vec![
            optional("service", Form::Pattern(NAME), "Only of this service"),
            optional(
                "severity",
                Form::Pattern("^[1-5]$"),
                "Only of this severity",
            ),
            optional("since", Form::Pattern(TIME), "Only declared then or later"),
            optional("until", Form::Pattern(TIME), "Only declared before then"),
            optional("phase", Form::Words(PHASES), "Which phase"),
            optional("drills", Form::Flag, "Drills, and nothing else"),
            optional("trend", Form::Flag, "Whether later ones take longer"),
        ],
        fails: &[422, 500],
        ..get(path, summary, gives, handler)
    }
}

async fn stats(call: Call) -> Answer {
    let (question, sight) = (question(&call)?, call.caller.sight());
    let value = call.site.calculating(move |site| {
        let (now, numbers) = computed(site, &question, &sight)?;
        Ok(render::stats::numbers(&numbers, &question, now, SEED))
    });
    reply::json(&value.await?)
}

async fn drawn(call: Call) -> Answer {
    let (question, sight) = (question(&call)?, call.caller.sight());
    let svg = call.site.calculating(move |site| {
        let (now, numbers) = computed(site, &question, &sight)?;
        let (numbers, question) = (&numbers, &question);
        Ok(picture::svg(&Picture {
            numbers,
            question,
            now,
            words: words(Language::English),
        }))
    });
    Ok(with_type(svg.await?, SVG, Keep::Never))
}

/// What is asked, from the parameters of a page.
///
/// # Errors
/// 400 for what is not of its form.
pub(crate) fn asked(parameters: &BTreeMap<String, String>) -> Result<Question, Problem> {
    fn read<T: std::str::FromStr<Err: std::fmt::Display>>(
        parameters: &BTreeMap<String, String>,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let text = parameters.get(name).filter(|text| !text.is_empty());
        let value = text.map(|text| text.parse()).transpose();
        value.map_err(|error| Problem::bad_request(format!("`{name}`: {error}")))
    }
    let phase = parameters.get("phase").map(String::as_str);
    Ok(Question {
        drills: parameters.contains_key("drills"),
        phase: Phase::ALL.into_iter().find(|it| Some(it.word()) == phase),
        service: read(parameters, "service")?,
        severity: read(parameters, "severity")?,
        since: read(parameters, "since")?,
        trend: false,
        until: read(parameters, "until")?,
    })
}

/// The picture of an answer.
pub(crate) fn computed_for(
    site: &Site,
    question: &Question,
    sight: &Sight,
    language: Language,
) -> Result<String, Problem> {
    let (now, numbers) = computed(site, question, sight)?;
    Ok(picture::svg(&Picture {
        numbers: &numbers,
        question,
        now,
        words: words(language),
    }))
}

fn question(call: &Call) -> Result<Question, Problem> {
    let word = call.query_word("phase", PHASES)?;
    let question = Question {
        drills: call.query_flag("drills")?,
        phase: Phase::ALL.into_iter().find(|phase| phase.word() == word),
        service: call.query_as("service")?,
        severity: call.query_as("severity")?,
        since: call.query_as("since")?,
        trend: call.query_flag("trend")?,
        until: call.query_as("until")?,
    };
    match (question.since, question.until) {
        (Some(since), Some(until)) if until <= since => Err(Problem::bad_request(format!(
            "`until` ({until}) must be later than `since` ({since})"
        ))),
        _ => Ok(question),
    }
}

/// Over the incidents that the caller sees.
///
/// # Errors
/// 422 when there are too many to compute with.
pub(crate) fn computed(
    site: &Site,
    question: &Question,
    sight: &Sight,
) -> Result<(Timestamp, Numbers), Problem> {
    let now = site.engine().now();
    let (rows, watched) = site.engine().view().read(|state| {
        let all = state.incidents.summaries();
        let seen = all.filter(|summary| sight.sees(state, summary.id));
        let rows: Vec<Row> = seen.map(Row::of).collect();
        let services = state.incidents.directory.services.keys();
        let services = services.filter(|service| sight.sees_service(state, service));
        let watched = Watched {
            since: state.log.opened_at,
            now,
            // Of others' services nobody here knows whether they failed.
            services: services.cloned().collect(),
        };
        (rows, watched)
    });
    let numbers = numbers(&rows, question, &watched, SEED);
    numbers
        .map(|numbers| (now, numbers))
        .map_err(|too_many| Refusal::new(Reason::OutOfRange, too_many.to_string()).into())
}
