//! Steps from each version of a kind to the next.
//!
//! A step is pure and total over every body its version allowed. Golden logs of each release hold
//! that nothing here changes by accident (`tests/golden`).

use serde_json::Value;
use serde_json::value::RawValue;

use super::BadBody;

/// Turns a body of one version into one of the next.
pub struct Step {
    /// The kind with the version it starts from: `incident.declared/1`.
    pub from: &'static str,
    /// The kind with the version it leads to.
    pub to: &'static str,
    /// The change. An error says why the body was never a valid one of `from`.
    pub change: fn(Value) -> Result<Value, String>,
}

/// Every step since the first release. Empty: no kind has had a second version yet.
pub const STEPS: &[Step] = &[];

/// Follows steps from `kind` as far as they lead; `None` when none starts there.
pub(crate) fn to_present(
    steps: &[Step],
    kind: &str,
    json: &RawValue,
) -> Result<Option<(String, Box<RawValue>)>, BadBody> {
    let bad = |reason: String| BadBody {
        kind: kind.to_owned(),
        reason,
    };
    let mut reached: Option<(&str, Value)> = None;
    // A step leads to a higher version, so there are at most as many as steps in the table.
    for _ in 0..steps.len() {
        let at = reached.as_ref().map_or(kind, |(kind, _)| kind);
        let Some(step) = steps.iter().find(|step| step.from == at) else {
            break;
        };
        let body = match reached.take() {
            Some((_, body)) => body,
            None => serde_json::from_str(json.get()).map_err(|error| bad(error.to_string()))?,
        };
        reached = Some((step.to, (step.change)(body).map_err(bad)?));
    }
    reached
        .map(|(kind, body)| {
            let json = serde_json::value::to_raw_value(&body).map_err(|e| bad(e.to_string()))?;
            Ok((kind.to_owned(), json))
        })
        .transpose()
}
