//! The local socket of an edge: what `hereby edge` asks and says. For its owner alone; HTTP, so that
//! any tool can ask.

use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use policy::failover::{Override, To};
use serde::Deserialize;
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use crate::clock;
use crate::edge::Edge;
use crate::ledger::Recorded;
use crate::metrics;
use crate::status;
use crate::upstream::lock;

/// The name of the socket in the state directory.
pub const SOCKET: &str = "edge.sock";

const BODY_BYTES_MAX: usize = 64 << 10;
const REASON_CHARS_MAX: usize = 500;
const OVERRIDE_MS_MAX: u64 = 7 * 86_400_000;

/// What the edge as a whole is asked to do.
pub(crate) enum Wish {
    Upgrade {
        program: Option<PathBuf>,
        done: tokio::sync::oneshot::Sender<Result<String, String>>,
    },
    Reload {
        done: tokio::sync::oneshot::Sender<Result<String, String>>,
    },
}

/// Makes the socket, in place of whatever an earlier edge left.
///
/// # Errors
/// When the operating system says no.
pub(crate) fn bind(state_dir: &Path) -> std::io::Result<UnixListener> {
    let path = state_dir.join(SOCKET);
    let fresh = state_dir.join(format!("{SOCKET}.{}", std::process::id()));
    let _ = std::fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    // Whoever connects reaches the old edge or the new one, and never nobody.
    std::fs::rename(&fresh, &path)?;
    Ok(listener)
}

/// Answers until its thread ends.
pub(crate) async fn serve(edge: Arc<Edge>, listener: UnixListener, wishes: mpsc::Sender<Wish>) {
    let desk = Rc::new(Desk { edge, wishes });
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let own = rustix::process::geteuid().as_raw();
        let admitted = stream
            .peer_cred()
            .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own);
        if !admitted {
            continue;
        }
        let desk = desk.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| answer(desk.clone(), request));
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10));
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

struct Desk {
    edge: Arc<Edge>,
    wishes: mpsc::Sender<Wish>,
}

type Answer = Response<Full<Bytes>>;

async fn answer(desk: Rc<Desk>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let outcome = match (&parts.method, path.as_str()) {
        (&Method::GET, "/metrics") => Ok((metrics::CONTENT, metrics::text(&desk.edge))),
        (&Method::GET, "/status") => json(&status::status(&desk.edge)),
        (&Method::GET, "/certificates") => json(&status::certificates(&desk.edge)),
        (&Method::POST, "/certificates/recorded") => match read::<Vec<Recorded>>(body).await {
            Ok(all) => {
                desk.edge.ledger.recorded(&all);
                json(&serde_json::json!({ "done": "they may leave when room is needed" }))
            }
            Err(error) => Err((400, error)),
        },
        (&Method::GET, "/refused") => json(&desk.edge.refused(100)),
        (&Method::GET, path) if path.starts_with("/explain/") => {
            let id = path.trim_start_matches("/explain/");
            let found = desk.edge.explain(id);
            found.map_or_else(
                || Err((404, UNKNOWN_REQUEST.to_owned())),
                |found| json(&found),
            )
        }
        (&Method::POST, "/upgrade") => match read::<UpgradeAsked>(body).await {
            Ok(asked) => {
                desk.wish(|done| Wish::Upgrade {
                    program: asked.program,
                    done,
                })
                .await
            }
            Err(error) => Err((400, error)),
        },
        (&Method::POST, "/reload") => desk.wish(|done| Wish::Reload { done }).await,
        (&Method::POST, "/failover") => match read::<FailoverAsked>(body).await {
            Ok(asked) => desk.failover(&asked),
            Err(error) => Err((400, error)),
        },
        _ => Err((404, "there is nothing here".to_owned())),
    };
    Ok(match outcome {
        Ok((kind, text)) => respond(200, kind, text),
        Err((status, what)) => {
            let text = serde_json::json!({ "status": status, "detail": what }).to_string();
            respond(status, "application/problem+json", text)
        }
    })
}

const HANDING_OVER: &str = "an upgrade is under way, and the successor would not hear of it: say it \
     again when the upgrade is done";

const UNKNOWN_REQUEST: &str = "no refused or broken request of this id is remembered; the newest \
     4096 are, until the edge ends or is upgraded. The access log has more, if there is one";

type Said = Result<(&'static str, String), (u16, String)>;

fn json(value: &impl serde::Serialize) -> Said {
    match serde_json::to_string(value) {
        Ok(text) => Ok(("application/json", text)),
        Err(error) => Err((500, error.to_string())),
    }
}

fn respond(status: u16, kind: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

async fn read<T: for<'a> Deserialize<'a>>(body: Incoming) -> Result<T, String> {
    let body = Limited::new(body, BODY_BYTES_MAX);
    let bytes = body
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpgradeAsked {
    #[serde(default)]
    program: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailoverAsked {
    route: String,
    /// A tier's place, 0 the primary; none: back to the plan.
    tier: Option<usize>,
    #[serde(default)]
    for_ms: u64,
    reason: String,
}

impl Desk {
    async fn wish(
        &self,
        wish: impl FnOnce(tokio::sync::oneshot::Sender<Result<String, String>>) -> Wish,
    ) -> Said {
        let (done, said) = tokio::sync::oneshot::channel();
        if self.wishes.send(wish(done)).await.is_err() {
            return Err((503, "the edge is stopping".to_owned()));
        }
        match said.await {
            Ok(Ok(text)) => json(&serde_json::json!({ "done": text })),
            Ok(Err(why)) => Err((409, why)),
            Err(_) => Err((503, "the edge stopped before it was done".to_owned())),
        }
    }

    fn failover(&self, asked: &FailoverAsked) -> Said {
        if asked.reason.trim().is_empty() || asked.reason.chars().count() > REASON_CHARS_MAX {
            return Err((
                400,
                format!("say why, in at most {REASON_CHARS_MAX} characters"),
            ));
        }
        if self.edge.handing_over.load(Relaxed) {
            return Err((409, HANDING_OVER.to_owned()));
        }
        let running = self.edge.running.load_full();
        let route = running
            .routes()
            .iter()
            .find(|route| route.config.name == asked.route);
        let route = route.ok_or((404, format!("there is no route \"{}\"", asked.route)))?;
        let Some(failover) = &route.failover else {
            return Err((
                409,
                format!("the route \"{}\" has one tier only", asked.route),
            ));
        };
        let now = clock::now();
        let said = Override {
            to: asked.tier.map_or(To::Auto, To::Tier),
            until: now.plus_ms(asked.for_ms.min(OVERRIDE_MS_MAX)),
            reason: asked.reason.as_str().into(),
        };
        let change = lock(failover)
            .instruct(now, &said)
            .map_err(|error| (409, error.to_string()))?;
        route.step(&running);
        let text = change.map_or_else(
            || "nothing changes now".to_owned(),
            |change| change.to_string(),
        );
        tracing::warn!(route = asked.route, reason = asked.reason, "{text}");
        json(&serde_json::json!({ "done": text }))
    }
}
