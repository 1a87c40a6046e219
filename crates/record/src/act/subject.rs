//! How a subject is written: `{"id":"INC-7","type":"incident"}`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Subject;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectForm<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    type_name: std::borrow::Cow<'a, str>,
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SubjectForm {
            id: self.id().into(),
            type_name: self.type_name().into(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Subject, D::Error> {
        let form = SubjectForm::deserialize(deserializer)?;
        Subject::parse(&form.type_name, &form.id).map_err(serde::de::Error::custom)
    }
}
