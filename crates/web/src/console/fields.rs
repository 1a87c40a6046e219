//! The form of any command, from the same description that the API's document is made of: so there
//! is no command that the console can't ask for, and none of its arguments is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use engine::State;
use language::Words;
use record::command::VERBS;
use serde_json::{Map, Value, json};

use super::frame::Choice;
use super::words::word;
use crate::openapi;
use crate::sight::Sight;

/// How an argument is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Line,
    Prose,
    Flag,
    Number,
    Severity,
    Words(Vec<String>),
    Time,
    Duration,
    /// A word for each line.
    Several(Box<Kind>),
    /// Objects, one for each line, with these members in this order.
    Rows(&'static [&'static str]),
    /// A name and a value for each line.
    Pairs(Box<Kind>),
    /// Whatever has no form of its own, as JSON.
    Json,
}

/// An argument of a command.
#[derive(Clone, Debug)]
struct Argument {
    name: String,
    kind: Kind,
    required: bool,
    /// The names that there are, as a list to choose from.
    known: Option<&'static str>,
}

/// What all forms are made of, by command. Made when somebody first asks for one.
static FORMS: LazyLock<BTreeMap<&'static str, Vec<Argument>>> = LazyLock::new(|| {
    let schemas = openapi::schemas();
    let forms = VERBS.iter().filter_map(|verb| {
        let form = openapi::command(verb)?;
        Some((*verb, arguments_of(&form.schema, &schemas)?))
    });
    forms.collect()
});

/// One field of a form.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// `a.title`: what the form sends.
    pub(super) name: String,
    pub(super) label: String,
    pub(super) hint: String,
    /// `line`, `prose`, `flag`, `number`, `choice`, `time`, `hidden`.
    pub(super) shape: &'static str,
    pub(super) required: bool,
    pub(super) value: String,
    pub(super) choices: Vec<Choice>,
    /// The id of the list of names that there are.
    pub(super) known: Option<&'static str>,
}

/// The command's name as it is known for good, if there is one.
pub(super) fn verb_named(name: &str) -> Option<&'static str> {
    VERBS.iter().copied().find(|known| *known == name)
}

fn arguments(verb: &'static str) -> Option<&'static [Argument]> {
    FORMS.get(verb).map(Vec::as_slice)
}

/// The names of a command's fields: those of an object within are `object.field`.
#[cfg(test)]
pub(super) fn names(verb: &'static str) -> Vec<String> {
    let all = arguments(verb).into_iter().flatten();
    all.map(|argument| argument.name.clone()).collect()
}

fn arguments_of(schema: &Value, schemas: &Value) -> Option<Vec<Argument>> {
    let mut found = Vec::new();
    collect(&mut found, "", schema, schemas)?;
    // What must be said stands first; long text last among it.
    found.sort_by_key(|it| {
        let long = matches!(it.kind, Kind::Prose | Kind::Several(_));
        (!it.required, long)
    });
    Some(found)
}

/// Adds an object's fields, and those of the objects within it.
fn collect(found: &mut Vec<Argument>, within: &str, schema: &Value, schemas: &Value) -> Option<()> {
    let required = schema.get("required").and_then(Value::as_array);
    let required: BTreeSet<&str> = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, schema) in schema.get("properties")?.as_object()? {
        let path = match within {
            "" => name.clone(),
            within => format!("{within}.{name}"),
        };
        if let Some(object) = object_within(schema, schemas) {
            collect(found, &path, object, schemas)?;
            continue;
        }
        found.push(Argument {
            kind: kind(schema, schemas),
            required: within.is_empty() && required.contains(name.as_str()),
            known: known_names(schema),
            name: path,
        });
    }
    Some(())
}

/// The object with fields of its own that a property is, if each of them can be asked for.
fn object_within<'a>(schema: &Value, schemas: &'a Value) -> Option<&'a Value> {
    let object = schemas.get(referred(schema))?;
    let fields = object.get("properties")?.as_object()?;
    (object.get("type")? == "object" && !fields.contains_key("sha256")).then_some(object)
}

/// The name of the schema that a property refers to.
fn referred(schema: &Value) -> &str {
    let inner = match schema["anyOf"].as_array() {
        Some(any) => any.first().unwrap_or(schema),
        None => schema,
    };
    let reference = inner["$ref"].as_str().unwrap_or_default();
    reference.rsplit('/').next().unwrap_or_default()
}

fn kind(schema: &Value, schemas: &Value) -> Kind {
    if schema["type"] == "boolean" {
        return Kind::Flag;
    }
    if schema["type"] == "array" {
        return match referred(&schema["items"]) {
            "Address" => Kind::Rows(&["kind", "address"]),
            "Dependency" => Kind::Rows(&["kind", "name", "when_fails"]),
            "BlobRef" => Kind::Json,
            _ => Kind::Several(Box::new(kind(&schema["items"], schemas))),
        };
    }
    let values = &schema["additionalProperties"];
    if schema["type"] == "object" && values.is_object() {
        return Kind::Pairs(Box::new(kind(values, schemas)));
    }
    match referred(schema) {
        "Prose" => Kind::Prose,
        "Severity" => Kind::Severity,
        "Timestamp" => Kind::Time,
        "Milliseconds" => Kind::Duration,
        "Index" | "Number" | "Count" | "Tier" => Kind::Number,
        "" | "BlobRef" | "TokenHolder" => match schema["type"].as_str() {
            Some("string") => Kind::Line,
            Some("integer") => Kind::Number,
            _ => Kind::Json,
        },
        other if more(other, schemas).is_some() => {
            let inner = more(other, schemas).unwrap_or(schema);
            Kind::Pairs(Box::new(kind(inner, schemas)))
        }
        other => match schemas
            .pointer(&format!("/{other}/enum"))
            .and_then(Value::as_array)
        {
            Some(words) => {
                let words = words.iter().filter_map(Value::as_str);
                Kind::Words(words.map(str::to_owned).collect())
            }
            None if schemas.pointer(&format!("/{other}/type")) == Some(&json!("integer")) => {
                Kind::Number
            }
            None => Kind::Line,
        },
    }
}

/// What each value of an object with whatever names is.
fn more<'a>(name: &str, schemas: &'a Value) -> Option<&'a Value> {
    let more = schemas.pointer(&format!("/{name}/additionalProperties"));
    more.filter(|more| more.is_object())
}

fn known_names(schema: &Value) -> Option<&'static str> {
    let schema = match schema["type"] == "array" {
        true => &schema["items"],
        false => schema,
    };
    match referred(schema) {
        "PersonName" => Some("people"),
        "ServiceName" => Some("services"),
        "TeamName" => Some("teams"),
        "IncidentId" => Some("incidents"),
        _ => None,
    }
}

/// The fields of a command's form, with what was sent already. `None`: it has no form.
pub(super) fn fields(
    verb: &'static str,
    sent: &BTreeMap<String, String>,
    t: &Words,
) -> Option<Vec<Field>> {
    let arguments = arguments(verb)?;
    // Files have a form of their own.
    let shown = arguments.iter().filter(|it| it.name != "blobs");
    Some(shown.map(|it| field(it, sent, t)).collect())
}

fn field(argument: &Argument, sent: &BTreeMap<String, String>, t: &Words) -> Field {
    let name = format!("a.{}", argument.name);
    let value = sent.get(&name).cloned().unwrap_or_default();
    let choice = |it: &str, label: String| Choice {
        chosen: value == it,
        value: it.to_owned(),
        label,
    };
    let (shape, choices) = match &argument.kind {
        Kind::Line => ("line", Vec::new()),
        Kind::Prose | Kind::Several(_) | Kind::Rows(_) | Kind::Pairs(_) | Kind::Json => {
            ("prose", Vec::new())
        }
        Kind::Flag => ("flag", Vec::new()),
        Kind::Number => ("number", Vec::new()),
        Kind::Time => ("time", Vec::new()),
        Kind::Duration => ("line", Vec::new()),
        Kind::Severity => (
            "choice",
            ["1", "2", "3", "4", "5"]
                .iter()
                .map(|it| choice(it, t.say(&format!("severity-{it}")).into_owned()))
                .collect(),
        ),
        Kind::Words(words) => (
            "choice",
            words.iter().map(|it| choice(it, word(t, it))).collect(),
        ),
    };
    Field {
        label: label(t, &argument.name),
        hint: hint(t, argument),
        required: argument.required,
        known: argument.known.filter(|_| shape == "line"),
        shape,
        value,
        choices,
        name,
    }
}

fn label(t: &Words, name: &str) -> String {
    let key = format!("field-{}", name.replace(['_', '.'], "-"));
    match t.has(&key) {
        true => t.say(&key).into_owned(),
        false => name.replace('_', " "),
    }
}

fn hint(t: &Words, argument: &Argument) -> String {
    let key = match &argument.kind {
        Kind::Several(_) => "hint-several",
        Kind::Rows(members) if members.contains(&"address") => "hint-places",
        Kind::Rows(_) => "hint-dependencies",
        Kind::Pairs(of) => match of.as_ref() {
            Kind::Words(words) => {
                let words = words.join(", ");
                return t.say_with("hint-pairs-of", &[("words", words.into())]);
            }
            _ => "hint-pairs",
        },
        Kind::Duration => "hint-duration",
        Kind::Time => "hint-time",
        Kind::Json => "hint-json",
        _ => return String::new(),
    };
    t.say(key).into_owned()
}

/// What a form was filled with, as the command's arguments in JSON.
///
/// # Errors
/// The label of the field that is not of its form, and what is wrong.
pub(super) fn filled(
    verb: &'static str,
    sent: &BTreeMap<String, String>,
    t: &Words,
) -> Result<Value, String> {
    let arguments = arguments(verb).ok_or("there is no such form")?;
    let unknown = sent.keys().filter_map(|key| key.strip_prefix("a."));
    let mut unknown = unknown.filter(|name| !arguments.iter().any(|it| it.name == *name));
    if let Some(name) = unknown.next() {
        return Err(format!(
            "{verb}: {}",
            name.chars().take(40).collect::<String>()
        ));
    }
    let mut all = Map::new();
    for argument in arguments {
        let text = sent.get(&format!("a.{}", argument.name));
        // Browsers send line ends as CR LF (WHATWG HTML, 4.10.22.4).
        let text = text
            .map(|text| text.replace("\r\n", "\n"))
            .unwrap_or_default();
        if text.trim().is_empty() {
            if argument.required {
                return Err(t.say_with(
                    "field-missing",
                    &[("label", label(t, &argument.name).into())],
                ));
            }
            continue;
        }
        let value = value(&argument.kind, &text).ok_or_else(|| {
            let label = label(t, &argument.name);
            t.say_with("field-wrong", &[("label", label.into())])
        })?;
        put(&mut all, &argument.name, value);
    }
    Ok(Value::Object(all))
}

/// Puts a value where its path says.
fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        object.insert(path.to_owned(), value);
        return;
    };
    let inner = object.entry(first).or_insert_with(|| json!({}));
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

fn value(kind: &Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Line | Kind::Words(_) => json!(text.trim()),
        Kind::Prose => json!(text.trim_end()),
        Kind::Flag => json!(matches!(text, "true" | "on")),
        Kind::Number | Kind::Severity => json!(text.trim().parse::<u64>().ok()?),
        Kind::Time => json!(time(text.trim())?),
        Kind::Duration => json!(duration_ms(text.trim())?),
        Kind::Several(of) => {
            let lines = lines(text).map(|line| value(of, line));
            Value::Array(lines.collect::<Option<Vec<Value>>>()?)
        }
        Kind::Rows(members) => {
            let rows = lines(text).map(|line| row(members, line));
            Value::Array(rows.collect::<Option<Vec<Value>>>()?)
        }
        Kind::Pairs(of) => {
            let pairs = lines(text).map(|line| {
                let (name, text) = line.split_once('=')?;
                Some((name.trim().to_owned(), value(of, text.trim())?))
            });
            Value::Object(pairs.collect::<Option<Map<String, Value>>>()?)
        }
        Kind::Json => serde_json::from_str(text).ok()?,
    })
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// A line's words as the members of an object; the last takes what is left.
fn row(members: &[&str], line: &str) -> Option<Value> {
    let mut words = line.splitn(members.len(), char::is_whitespace);
    let mut row = Map::new();
    for member in members {
        let word = words
            .next()
            .map(str::trim)
            .filter(|word| !word.is_empty())?;
        row.insert((*member).to_owned(), json!(word));
    }
    Some(Value::Object(row))
}

/// What a browser sends for a time (`2026-11-21T07:30`, with seconds or not), or the whole of it.
fn time(text: &str) -> Option<String> {
    if text.ends_with('Z') {
        return Some(text.to_owned());
    }
    match text.len() {
        16 => Some(format!("{text}:00.000Z")),
        19 => Some(format!("{text}.000Z")),
        23 => Some(format!("{text}Z")),
        _ => None,
    }
}

/// `90s`, `15m`, `12h`, `30d`, in milliseconds.
fn duration_ms(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let digits = text.strip_suffix(unit)?.trim();
    let unit_ms = match unit {
        's' => 1_000,
        'm' | 'M' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit_ms)
}

/// Names that there are, to choose from.
pub(super) struct Known {
    pub(super) id: &'static str,
    pub(super) names: Vec<String>,
}

/// Names offered in each list: a browser shows no more anyway.
const NAMES_MAX: usize = 200;

/// The lists that these fields choose from.
pub(super) fn known(fields: &[Field], state: &State, sight: &Sight) -> Vec<Known> {
    let wanted: BTreeSet<&'static str> = fields.iter().filter_map(|field| field.known).collect();
    let directory = &state.incidents.directory;
    let lists = wanted.into_iter().map(|id| {
        let names: Vec<String> = match id {
            "people" => directory
                .people
                .keys()
                .map(ToString::to_string)
                .take(NAMES_MAX)
                .collect(),
            "services" => directory
                .services
                .keys()
                .map(ToString::to_string)
                .take(NAMES_MAX)
                .collect(),
            "teams" => directory
                .teams
                .keys()
                .map(ToString::to_string)
                .take(NAMES_MAX)
                .collect(),
            _ => {
                let open = state.incidents.incidents.keys().rev();
                let seen = open.filter(|id| sight.sees(state, **id));
                seen.map(ToString::to_string).take(NAMES_MAX).collect()
            }
        };
        Known { id, names }
    });
    lists.collect()
}

#[cfg(test)]
mod tests {
    //! The forms of all commands.

    use super::{VERBS, arguments, duration_ms, openapi, time};

    #[test]
    fn every_command_of_the_api_has_a_form() {
        for verb in VERBS {
            assert_eq!(
                arguments(verb).is_some(),
                openapi::command(verb).is_some(),
                "{verb}"
            );
        }
    }

    #[test]
    fn what_stands_within_another_is_asked_for_apart_and_sent_together() {
        let t = crate::console::words::words(language::Language::English);
        let sent = [
            ("a.template", "night"),
            ("a.update_every_ms", "insiders=30m\r\npublic=1h\r\n"),
        ];
        let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let filled = super::filled("template.save", &sent.into(), t).unwrap();
        let wanted = serde_json::json!({
            "template": "night",
            "update_every_ms": {"insiders": 1_800_000, "public": 3_600_000},
        });
        assert_eq!(filled, wanted);
        let wrong = [
            ("a.template".to_owned(), "x".to_owned()),
            ("a.odd".to_owned(), "1".to_owned()),
        ];
        assert!(super::filled("template.save", &wrong.into(), t).is_err());
    }

    #[test]
    fn times_and_durations_are_read_as_they_are_written() {
        assert_eq!(
            time("2026-11-21T07:30").as_deref(),
            Some("2026-11-21T07:30:00.000Z")
        );
        assert_eq!(
            time("2026-11-21T07:30:05").as_deref(),
            Some("2026-11-21T07:30:05.000Z")
        );
        assert_eq!(time("21.11.2026"), None);
        assert_eq!(duration_ms("15m"), Some(900_000));
        assert_eq!(duration_ms("2 d"), Some(172_800_000));
        assert_eq!(duration_ms("99999999999999999999d"), None);
        assert_eq!(duration_ms("soon"), None);
    }
}
