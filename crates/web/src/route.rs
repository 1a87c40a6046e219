//! What the table says of one route: where it is, who may ask, what is sent and answered.

use futures_util::future::BoxFuture;
use hyper::Method;
use record::kinds::access::Scope;
use serde_json::{Value, json};

use crate::RouteLine;
use crate::call::Call;
use crate::rates::Class;
use crate::reply::Answer;

/// What answers a request.
pub(crate) type Handler = fn(Call) -> BoxFuture<'static, Answer>;

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// With `{names}` of parts; `{*rest}` takes everything that is left.
    pub(crate) path: String,
    pub(crate) access: Access,
    pub(crate) class: Class,
    pub(crate) takes: Takes,
    pub(crate) parts: Vec<Parameter>,
    pub(crate) query: Vec<Parameter>,
    pub(crate) headers: Vec<Parameter>,
    pub(crate) summary: String,
    pub(crate) gives: Gives,
    /// Statuses of problems that only this route has.
    pub(crate) fails: &'static [u16],
    pub(crate) handler: Handler,
}

/// Who may ask.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Anyone.
    Open,
    /// The local socket, and tokens with one of these scopes.
    Scopes(&'static [Scope]),
    /// The same, but the token stands in the body.
    TokenInBody(&'static [Scope]),
    /// Like `read`; anyone on the loopback interface if so configured.
    Metrics,
}

/// What body a request has.
pub(crate) enum Takes {
    /// None that counts.
    Nothing,
    /// JSON, and it must say so.
    Json {
        bytes_max: usize,
        schema: Value,
        example: Value,
    },
    /// Anything; `media` is what the document says.
    Anything {
        bytes_max: usize,
        media: &'static str,
        schema: Value,
        required: bool,
    },
}

/// What is answered when all is well.
pub(crate) struct Gives {
    pub(crate) status: u16,
    /// `None`: no body.
    pub(crate) media: Option<&'static str>,
    /// Texts of other types that it may be instead.
    pub(crate) also: &'static [&'static str],
    pub(crate) schema: Value,
    pub(crate) says: &'static str,
}

impl Gives {
    /// 200 with JSON that has the schema of this name.
    pub(crate) fn json(schema: &str, says: &'static str) -> Gives {
        Gives {
            status: 200,
            media: Some("application/json"),
            also: &[],
            schema: reference(schema),
            says,
        }
    }

    /// 200 with a page of a list of these.
    pub(crate) fn list(item: &str, says: &'static str) -> Gives {
        let schema = json!({
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "maxItems": 1000, "items": reference(item)},
                "next": {"type": ["string", "integer", "null"]},
            },
        });
        Gives {
            status: 200,
            media: Some("application/json"),
            also: &[],
            schema,
            says,
        }
    }

    /// 200 with something else.
    pub(crate) fn other(media: &'static str, says: &'static str) -> Gives {
        Gives {
            status: 200,
            media: Some(media),
            also: &[],
            schema: json!({"type": "string"}),
            says,
        }
    }
}

/// A parameter in path, query or head.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) required: bool,
    pub(crate) says: &'static str,
}

/// What a parameter looks like.
pub(crate) enum Form {
    /// A number from 0.
    Index,
    /// A number from 1 to 1,000.
    Limit,
    Flag,
    Words(&'static [&'static str]),
    /// Text that matches this regular expression.
    Pattern(&'static str),
    /// Text of at most so many characters.
    Text(usize),
}

impl Form {
    pub(crate) fn schema(&self) -> Value {
        match self {
            Form::Index => json!({"type": "integer", "minimum": 0, "maximum": (1_u64 << 53) - 1}),
            Form::Limit => {
                json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100})
            }
            Form::Flag => json!({"type": "boolean", "default": false}),
            Form::Words(words) => {
                json!({"type": "string", "enum": words, "default": words.first()})
            }
            Form::Pattern(pattern) => json!({"type": "string", "pattern": pattern}),
            Form::Text(max) => json!({"type": "string", "maxLength": max}),
        }
    }
}

/// A reference to a schema of the document.
pub(crate) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

impl Route {
    /// Statuses of every problem it may answer with, in order.
    pub(crate) fn problems(&self) -> Vec<u16> {
        // Any: the head is malformed; a foreign user on the local socket; too many requests.
        let mut statuses = vec![400, 403, 503];
        if !matches!(self.access, Access::Open) {
            statuses.push(401);
        }
        match &self.takes {
            Takes::Nothing => {}
            Takes::Json { .. } => statuses.extend([408, 413, 415]),
            Takes::Anything { .. } => statuses.extend([408, 413]),
        }
        if !self.parts.is_empty() {
            statuses.push(404);
        }
        statuses.extend(self.fails);
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }

    /// The path as OpenAPI spells it.
    pub(crate) fn documented_path(&self) -> String {
        self.path.replace("{*", "{")
    }

    pub(crate) fn line(&self) -> RouteLine {
        let scopes = match self.access {
            Access::Open => &[][..],
            Access::Scopes(scopes) | Access::TokenInBody(scopes) => scopes,
            Access::Metrics => &[Scope::Read],
        };
        let mut statuses = self.problems();
        statuses.push(self.gives.status);
        statuses.sort_unstable();
        RouteLine {
            method: self.method.to_string(),
            path: self.documented_path(),
            scopes: scopes.iter().map(|scope| scope.as_str()).collect(),
            statuses,
        }
    }
}
