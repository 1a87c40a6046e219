//! The JSON Schema (2020-12) of the file, for editors: made from the table that the reader reads by,
//! so that both know the same keys.

use core::fmt::Write;

use super::keys::{Key, Need, Section, Shape, TOP};

/// `docs/reference/edge.schema.json`.
pub fn schema() -> String {
    let mut json = Json::default();
    json.open('{');
    json.text("$schema", "https://json-schema.org/draft/2020-12/schema");
    json.text("title", "edge.toml");
    section(&TOP, &mut json);
    json.close('}');
    json.written.push('\n');
    json.written
}

fn section(section: &Section, json: &mut Json) {
    json.text("description", section.about);
    json.text("type", "object");
    json.raw("additionalProperties", "false");
    let required: Vec<String> = section
        .keys
        .iter()
        .filter(|key| key.need == Need::Must)
        .map(|key| quoted(key.name))
        .collect();
    if !required.is_empty() {
        json.raw("required", &format!("[{}]", required.join(", ")));
    }
    json.name("properties");
    json.open('{');
    for key in section.keys {
        property(key, json);
    }
    json.close('}');
}

fn property(key: &Key, json: &mut Json) {
    json.name(key.name);
    json.open('{');
    match key.shape {
        Shape::Table(inner) => {
            section(inner, json);
            json.close('}');
            return;
        }
        Shape::Tables(inner, most) => {
            described(key, json);
            json.text("type", "array");
            json.raw("maxItems", &most.to_string());
            json.name("items");
            json.open('{');
            section(inner, json);
            json.close('}');
        }
        Shape::TextsOrTables(inner, most) => {
            described(key, json);
            json.text("type", "array");
            json.raw("maxItems", &most.to_string());
            json.name("items");
            json.open('{');
            json.name("anyOf");
            json.open('[');
            json.item("{ \"type\": \"string\" }");
            json.begin();
            json.open('{');
            section(inner, json);
            json.close('}');
            json.close(']');
            json.close('}');
        }
        shape => {
            described(key, json);
            plain(shape, json);
        }
    }
    json.close('}');
}

fn described(key: &Key, json: &mut Json) {
    json.text("description", key.about);
    if let Need::Else(default) = key.need {
        json.raw("default", default);
    }
}

fn plain(shape: Shape, json: &mut Json) {
    let list = |most: usize| {
        format!(
            "\"type\": \"array\", \"maxItems\": {most}, \"uniqueItems\": true, \"items\": {{ \"type\": \"string\" }}"
        )
    };
    match shape {
        Shape::Flag => json.text("type", "boolean"),
        Shape::Number(least, most) => {
            json.text("type", "integer");
            json.raw("minimum", &least.to_string());
            json.raw("maximum", &most.to_string());
        }
        Shape::Word(words) => {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            json.raw("enum", &format!("[{}]", words.join(", ")));
        }
        Shape::Texts(most) => json.item(&list(most)),
        Shape::TextOrTexts(most) => {
            let either = format!("[{{ \"type\": \"string\" }}, {{ {} }}]", list(most));
            json.raw("anyOf", &either);
        }
        Shape::Pairs(most) => {
            json.text("type", "object");
            json.raw("maxProperties", &most.to_string());
            json.raw("additionalProperties", "{ \"type\": \"string\" }");
        }
        // Those that hold a section are written where the section is.
        Shape::Text | Shape::Table(_) | Shape::Tables(..) | Shape::TextsOrTables(..) => {
            json.text("type", "string");
        }
    }
}

/// JSON as people read it: a member a line.
#[derive(Default)]
struct Json {
    written: String,
    depth: usize,
    /// Something stands before on this level.
    follows: bool,
    /// What comes is the value of a name on this line.
    named: bool,
}

impl Json {
    fn begin(&mut self) {
        if self.named {
            return;
        }
        if self.follows {
            self.written.push(',');
        }
        if self.depth > 0 {
            self.written.push('\n');
            self.written.push_str(&"  ".repeat(self.depth));
        }
        self.named = true;
    }

    fn open(&mut self, bracket: char) {
        self.begin();
        self.written.push(bracket);
        self.depth += 1;
        self.follows = false;
        self.named = false;
    }

    fn close(&mut self, bracket: char) {
        self.depth = self.depth.saturating_sub(1);
        self.written.push('\n');
        self.written.push_str(&"  ".repeat(self.depth));
        self.written.push(bracket);
        self.follows = true;
        self.named = false;
    }

    fn name(&mut self, name: &str) {
        self.begin();
        self.written.push_str(&quoted(name));
        self.written.push_str(": ");
    }

    fn item(&mut self, raw: &str) {
        self.begin();
        self.written.push_str(raw);
        self.follows = true;
        self.named = false;
    }

    fn raw(&mut self, name: &str, raw: &str) {
        self.name(name);
        self.item(raw);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.raw(name, &quoted(text));
    }
}

/// A JSON string (RFC 8259, 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c < ' ' => {
                // Writing into a String can't fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
