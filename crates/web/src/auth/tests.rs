//! How a token is spelled, and where it stands.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::{bearer, secret};

#[test]
fn a_token_has_one_spelling() {
    let good = format!("hby_{}", "A".repeat(43));
    assert_eq!(secret(&good), Some([0; 32]));
    let bad = [
        "A".repeat(43),
        format!("hby_{}", "A".repeat(42)),
        format!("hby_{}=", "A".repeat(43)),
        // The last character's two low bits carry nothing and must be zero.
        format!("hby_{}B", "A".repeat(42)),
        format!("hby_{}+", "A".repeat(42)),
        format!("HBY_{}", "A".repeat(43)),
    ];
    for token in bad {
        assert_eq!(secret(&token), None, "{token}");
    }
}

#[test]
fn the_header_is_bearer_once_or_an_error() {
    let mut headers = HeaderMap::new();
    assert_eq!(bearer(&headers).unwrap(), None);
    headers.insert(AUTHORIZATION, "bearer abc".parse().unwrap());
    assert_eq!(bearer(&headers).unwrap(), Some("abc"));
    headers.append(AUTHORIZATION, "Bearer def".parse().unwrap());
    assert_eq!(bearer(&headers).unwrap_err().status, 400);
    headers.insert(AUTHORIZATION, "Basic c2FtOng=".parse().unwrap());
    assert_eq!(bearer(&headers).unwrap_err().status, 401);
}
