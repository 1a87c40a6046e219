//! What a claim names; and a provider that lies in every way a token can.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value, json};

use crate::{Claim, Flight, NotVouched, Provider, Returned, Settings, Vouched};

const CLIENT: &str = "hereby";
const SECRET: &str = "sample-secret";

fn person(claim: &Claim, claims: Value) -> Result<String, String> {
    let claims: Map<String, Value> = serde_json::from_value(claims).unwrap();
    claim.person(&claims).map(|person| person.to_string())
}

#[test]
fn a_claim_is_a_name_where_no_table_says_whose_it_is() {
    let claim = Claim::new("preferred_username", None, BTreeMap::new()).unwrap();
    let said = |value: Value| person(&claim, json!({"preferred_username": value}));
    assert_eq!(said(json!("kim")), Ok("kim".to_owned()));
    for bad in [json!(null), json!(7), json!("Two Words"), json!("")] {
        assert!(said(bad.clone()).is_err(), "{bad}");
    }
    assert!(person(&claim, json!({})).is_err());
}

#[test]
fn with_a_table_whoever_is_not_in_it_is_nobody() {
    let people = BTreeMap::from([("samuel.doe".to_owned(), "sam".parse().unwrap())]);
    let claim = Claim::new("preferred_username", None, people).unwrap();
    let said = |value: &str| person(&claim, json!({"preferred_username": value}));
    assert_eq!(said("samuel.doe"), Ok("sam".to_owned()));
    // Another account at the provider that has the name of a person here.
    for other in ["sam", "kim", "Samuel.Doe", ""] {
        let why = said(other).unwrap_err();
        assert!(why.contains("[oidc.people]"), "{other}: {why}");
    }
    let people = BTreeMap::from([("samuel.doe@example.org".to_owned(), "sam".parse().unwrap())]);
    let claim = Claim::new("email", Some("example.org"), people).unwrap();
    let said = |email: &str| person(&claim, json!({"email": email, "email_verified": true}));
    assert_eq!(said("samuel.doe@example.org"), Ok("sam".to_owned()));
    assert!(
        said("sam@example.org").is_err(),
        "its domain alone is not enough"
    );
}

#[test]
fn an_address_counts_verified_and_of_its_domain_alone() {
    let claim = Claim::new("email", Some("Example.org"), BTreeMap::new()).unwrap();
    let said = |email: &str, verified: Value| {
        person(&claim, json!({"email": email, "email_verified": verified}))
    };
    assert_eq!(said("sam@example.org", json!(true)), Ok("sam".to_owned()));
    assert_eq!(said("Sam@EXAMPLE.ORG", json!(true)), Ok("sam".to_owned()));
    for (email, verified) in [
        ("sam@example.org", json!(false)),
        ("sam@example.org", json!("true")),
        ("sam@example.org", Value::Null),
        ("sam@example.org.evil.example", json!(true)),
        ("sam@evil.example", json!(true)),
        ("sam@evil.example@example.org", json!(true)),
        ("example.org", json!(true)),
    ] {
        assert!(said(email, verified.clone()).is_err(), "{email} {verified}");
    }
}

/// What the provider says next.
#[derive(Clone)]
struct Script {
    /// `none`, `HS256`, or else ES256.
    alg: &'static str,
    kid: &'static str,
    claims: Value,
    user_info: Value,
    /// What the token's endpoint answers instead of a token.
    refuses: Option<&'static str>,
}

/// A provider that says what a test wants.
struct Liar {
    issuer: String,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<String>>>,
}

fn jwt(key: &EcdsaKeyPair, script: &Script) -> String {
    let header = json!({"alg": script.alg, "kid": script.kid, "typ": "JWT"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&script.claims));
    let signature = match script.alg {
        "none" => Vec::new(),
        "HS256" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        }
        _ => {
            let signature = key.sign(&SystemRandom::new(), signed.as_bytes());
            signature.unwrap().as_ref().to_vec()
        }
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

impl Liar {
    fn start() -> Liar {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            alg: "ES256",
            kid: "k1",
            claims: json!({}),
            user_info: json!({}),
            refuses: None,
        };
        let liar = Liar {
            issuer: issuer.clone(),
            script: Arc::new(Mutex::new(script)),
            asked: Arc::default(),
        };
        let (script, asked) = (liar.script.clone(), liar.asked.clone());
        std::thread::spawn(move || {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            for stream in listener.incoming() {
                let script = script.lock().unwrap().clone();
                asked
                    .lock()
                    .unwrap()
                    .push(answer(stream.unwrap(), &issuer, &key, &script));
            }
        });
        liar
    }

    fn provider(&self, claim: &str) -> Provider {
        let settings = Settings {
            issuer: self.issuer.parse().unwrap(),
            client_id: CLIENT.to_owned(),
            client_secret: Some(SECRET.parse().unwrap()),
            redirect_url: "http://127.0.0.1:7700/sign-in/return".to_owned(),
            scopes: vec!["profile".to_owned()],
            claim: Claim::new(claim, None, BTreeMap::new()).unwrap(),
        };
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        Provider::new(settings, Arc::new(tls)).unwrap()
    }

    /// Claims that hold, for a sign-in that has begun.
    fn truth(&self, url: &str) -> Value {
        let url = url::Url::parse(url).unwrap();
        let nonce = url
            .query_pairs()
            .find(|(name, _)| name == "nonce")
            .unwrap()
            .1;
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        json!({
            "iss": self.issuer, "aud": [CLIENT], "sub": "sam", "nonce": nonce,
            "iat": now, "exp": now + 300,
        })
    }

    /// One sign-in, in which the provider says this.
    fn says(
        &self,
        provider: &Provider,
        lie: impl FnOnce(&mut Script),
    ) -> Result<Vouched, NotVouched> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (url, flight) = provider.begin().await?;
            {
                let mut script = self.script.lock().unwrap();
                script.claims = self.truth(&url);
                script.alg = "ES256";
                script.refuses = None;
                lie(&mut script);
            }
            let returned = Returned {
                code: Some("code".to_owned()),
                state: Some(state(&url)),
                ..Returned::default()
            };
            provider.finish(flight, returned).await
        })
    }
}

fn state(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    let mut pairs = url.query_pairs();
    pairs
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned()
}

/// Answers one request; what was asked.
fn answer(stream: TcpStream, issuer: &str, key: &EcdsaKeyPair, script: &Script) -> String {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(it) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = it.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let point = key.public_key().as_ref();
    let at = |path: &str| format!("{issuer}{path}");
    let (status, said) = match path.as_str() {
        "/.well-known/openid-configuration" => (
            200,
            json!({
                "issuer": issuer, "authorization_endpoint": at("/authorize"),
                "token_endpoint": at("/token"), "jwks_uri": at("/keys"),
                "userinfo_endpoint": at("/userinfo"), "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["none", "HS256", "ES256"],
            }),
        ),
        "/keys" => (
            200,
            json!({"keys": [{
                "kty": "EC", "crv": "P-256", "use": "sig", "kid": script.kid,
                "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
                "y": URL_SAFE_NO_PAD.encode(&point[33..]),
            }]}),
        ),
        "/token" => match script.refuses {
            None => (
                200,
                json!({"access_token": "at", "token_type": "Bearer", "id_token": jwt(key, script)}),
            ),
            Some(error) => (
                400,
                json!({"error": error, "error_description": "with a token in it: tok_SAMPLE"}),
            ),
        },
        "/userinfo" => (200, script.user_info.clone()),
        other => (404, json!({"path": other})),
    };
    let said = said.to_string();
    let answer = format!(
        "HTTP/1.1 {status} It\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{said}",
        said.len()
    );
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
    format!("{path} {}", String::from_utf8_lossy(&body))
}

#[test]
fn a_token_that_holds_vouches_and_no_other_does() {
    let liar = Liar::start();
    let provider = liar.provider("sub");
    let vouched = liar.says(&provider, |_| {}).unwrap();
    assert_eq!(vouched.person.as_str(), "sam");
    assert_eq!(vouched.issuer, liar.issuer);
    type Lie = fn(&mut Script);
    let lies: [(&str, Lie); 9] = [
        ("unsigned", |it| it.alg = "none"),
        ("signed with our own secret", |it| it.alg = "HS256"),
        ("for another client", |it| {
            it.claims["aud"] = json!(["other"])
        }),
        ("for several", |it| {
            it.claims["aud"] = json!([CLIENT, "other"])
        }),
        ("for nobody", |it| it.claims["aud"] = json!([])),
        ("of another issuer", |it| {
            it.claims["iss"] = json!("https://evil.example")
        }),
        ("of another sign-in", |it| {
            it.claims["nonce"] = json!("other")
        }),
        ("of no sign-in", |it| {
            drop(it.claims.as_object_mut().unwrap().remove("nonce"))
        }),
        ("over", |it| it.claims["exp"] = json!(1_700_000_000)),
    ];
    for (name, lie) in lies {
        let answer = liar.says(&provider, lie);
        assert!(
            matches!(answer, Err(NotVouched::Wrong(_))),
            "{name}: {answer:?}"
        );
    }
}

#[test]
fn a_key_that_was_changed_is_asked_for_again() {
    let liar = Liar::start();
    let provider = liar.provider("sub");
    liar.says(&provider, |_| {}).unwrap();
    liar.says(&provider, |it| it.kid = "k2").unwrap();
    let asked = liar.asked.lock().unwrap();
    let keys = asked.iter().filter(|it| it.starts_with("/keys"));
    assert_eq!(keys.count(), 2, "{asked:?}");
    // What shows that the code is ours goes with it, and the challenge's answer.
    let token = asked.iter().find(|it| it.starts_with("/token")).unwrap();
    assert!(token.contains("code_verifier="), "{token}");
}

#[test]
fn a_name_that_is_not_in_the_token_is_asked_for_and_only_of_the_same_account() {
    let liar = Liar::start();
    let provider = liar.provider("preferred_username");
    let named = |sub: &str| json!({"sub": sub, "preferred_username": "sam"});
    let vouched = liar
        .says(&provider, |it| it.user_info = named("sam"))
        .unwrap();
    assert_eq!(vouched.person.as_str(), "sam");
    let other = liar.says(&provider, |it| it.user_info = named("kim"));
    assert!(matches!(other, Err(NotVouched::Nameless(_))), "{other:?}");
    let nobody = liar.says(&provider, |it| it.user_info = json!({"sub": "sam"}));
    assert!(matches!(nobody, Err(NotVouched::Nameless(_))), "{nobody:?}");
}

#[test]
fn what_a_provider_says_of_an_error_is_not_repeated() {
    let liar = Liar::start();
    let provider = liar.provider("sub");
    let refused = liar.says(&provider, |it| it.refuses = Some("invalid_grant"));
    let why = refused.unwrap_err().to_string();
    assert!(
        why.contains("invalid_grant") && !why.contains("tok_SAMPLE"),
        "{why}"
    );
}

#[test]
fn only_what_left_comes_back() {
    let liar = Liar::start();
    let provider = liar.provider("sub");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (url, flight) = provider.begin().await.unwrap();
        let kept = serde_json::to_string(&flight).unwrap();
        let back = |returned: Returned| {
            let flight: Flight = serde_json::from_str(&kept).unwrap();
            let provider = &provider;
            async move { provider.finish(flight, returned).await.unwrap_err() }
        };
        let ours = Returned {
            code: Some("code".to_owned()),
            state: Some(state(&url)),
            ..Returned::default()
        };
        for astray in [
            Returned {
                state: None,
                ..ours.clone()
            },
            Returned {
                state: Some("other".to_owned()),
                ..ours.clone()
            },
            Returned {
                iss: Some("https://evil.example".to_owned()),
                ..ours.clone()
            },
            Returned {
                code: None,
                ..ours.clone()
            },
            Returned {
                code: Some("c".repeat(5_000)),
                ..ours.clone()
            },
        ] {
            let why = back(astray.clone()).await;
            assert!(matches!(why, NotVouched::Astray), "{astray:?}: {why}");
        }
        let error = Some("access_denied<script>".to_owned());
        match back(Returned { error, ..ours }).await {
            NotVouched::Refused(word) => assert_eq!(word, "access_deniedscript"),
            other => panic!("{other}"),
        }
    });
    assert!(
        !liar
            .asked
            .lock()
            .unwrap()
            .iter()
            .any(|it| it.starts_with("/token"))
    );
}

#[test]
fn a_provider_that_is_not_there_is_left_alone_for_a_while() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let liar = Liar {
        issuer,
        script: Liar::start().script,
        asked: Arc::default(),
    };
    let provider = liar.provider("sub");
    for _ in 0..2 {
        let why = liar.says(&provider, |_| {}).unwrap_err();
        assert!(matches!(why, NotVouched::Unreachable(_)), "{why}");
    }
}
