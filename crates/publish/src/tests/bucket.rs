//! A bucket that does not let itself be listed: what is not there it refuses to show.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use status::manifest::{MANIFEST_PATH, Manifest};
use tokio::net::TcpListener;

use super::{Made, trusted};
use crate::{Bucket, Credentials, Kind};

/// What is in the bucket, and what may not be done with it.
#[derive(Default)]
struct Held {
    objects: BTreeMap<String, Bytes>,
    refused: Vec<Method>,
}

type Shared = Arc<Mutex<Held>>;

async fn answer(
    held: Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path().trim_start_matches("/status/").to_owned();
    let mut held = held.lock().unwrap();
    let (status, body) = match head.method {
        method if held.refused.contains(&method) => (StatusCode::FORBIDDEN, Bytes::new()),
        Method::PUT => {
            held.objects.insert(path, body);
            (StatusCode::OK, Bytes::new())
        }
        Method::DELETE => {
            held.objects.remove(&path);
            (StatusCode::NO_CONTENT, Bytes::new())
        }
        _ => match held.objects.get(&path) {
            Some(bytes) => (StatusCode::OK, bytes.clone()),
            None => (StatusCode::FORBIDDEN, Bytes::new()),
        },
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    Ok(response)
}

/// A bucket, and what is in it.
async fn bucket(made: &Made) -> (Kind, Shared) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let held = Shared::default();
    let serving = held.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let held = serving.clone();
            let service = service_fn(move |request| answer(held.clone(), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let file = made.directory.path().join("credentials");
    std::fs::write(&file, "access_key_id=a\nsecret_access_key=b\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let credentials = Credentials::of_file(&file).unwrap();
    let bucket = Bucket::new(&endpoint, "status", "x", "", true, credentials).unwrap();
    (Kind::Bucket(Box::new(bucket)), held)
}

fn sequence(held: &Shared) -> u64 {
    let held = held.lock().unwrap();
    let manifest = &held.objects[MANIFEST_PATH];
    Manifest::verify(manifest, &trusted()).unwrap().sequence
}

#[tokio::test]
async fn a_bucket_that_does_not_show_what_is_missing_gets_its_first_edition() {
    let mut made = Made::new();
    let (kind, held) = bucket(&made).await;
    let courier = made.courier(kind);
    courier.bring(&made.edition(1, 0, &[]), 1).await.unwrap();
    assert_eq!(sequence(&held), 1);
    let files = made.site.files().len() + 2;
    assert_eq!(held.lock().unwrap().objects.len(), files, "nothing is left");

    // What somebody removed is missing, too, and is put right.
    held.lock().unwrap().objects.remove("index.html");
    courier.bring(&made.edition(2, 1, &[]), 1).await.unwrap();
    assert_eq!(sequence(&held), 2);
    assert!(held.lock().unwrap().objects.contains_key("index.html"));
}

#[tokio::test]
async fn a_bucket_that_shows_nothing_or_takes_nothing_is_trouble_and_is_left_as_it_is() {
    let mut made = Made::new();
    let (kind, held) = bucket(&made).await;
    let writer = made.courier(kind.clone());
    writer.bring(&made.edition(1, 0, &[9]), 1).await.unwrap();
    let before = held.lock().unwrap().objects.clone();

    held.lock().unwrap().refused = vec![Method::GET];
    let stranger = made.courier(kind.clone());
    let trouble = stranger.bring(&made.edition(2, 1, &[]), 1).await;
    let trouble = trouble.unwrap_err();
    assert!(
        trouble.contains("asked for manifest, it answers 403"),
        "{trouble}"
    );
    assert!(trouble.contains("can be read"), "{trouble}");
    assert_eq!(held.lock().unwrap().objects, before);

    *held.lock().unwrap() = Held {
        refused: vec![Method::PUT],
        ..Held::default()
    };
    let trouble = made.courier(kind).bring(&made.edition(3, 2, &[]), 1).await;
    let trouble = trouble.unwrap_err();
    assert!(trouble.contains("was not taken: 403"), "{trouble}");
}
