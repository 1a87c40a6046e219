//! Markers, base URLs and tokens: what is taken, and what is never shown.

use base::IncidentId;
use proptest::prelude::*;

use super::*;

fn marker(text: &str) -> Marker {
    text.parse().unwrap()
}

#[test]
fn a_marker_says_whose_record_which_incident_and_which_follow_up() {
    let made = Marker::new("ops.example:7700/log", IncidentId::from_number(7), "F2").unwrap();
    assert_eq!(made.as_str(), "hereby:ops.example:7700/log/INC-7/F2");
    assert_eq!(marker(made.as_str()), made);
    let longest = Marker::new(
        &"o".repeat(200),
        IncidentId::from_number(u32::MAX),
        &"F".repeat(16),
    );
    assert!(longest.unwrap().as_str().len() <= MARKER_BYTES_MAX);
}

#[test]
fn what_could_be_two_markers_is_none() {
    let long = format!("hereby:{}/INC-7/F2", "o".repeat(201));
    for bad in [
        "",
        "hereby:",
        "hereby:ops/INC-7",
        "hereby:/INC-7/F2",
        "hereby:ops/INC-07/F2",
        "hereby:ops/7/F2",
        "hereby:ops/INC-7/",
        "hereby:ops/INC-7/F 2",
        "hereby:ops/INC-7/F.2",
        "hereby:o ps/INC-7/F2",
        "hereby:öps/INC-7/F2",
        "hereby:ops\"/INC-7/F2",
        "hereby:ops\\/INC-7/F2",
        "HEREBY:ops/INC-7/F2",
        " hereby:ops/INC-7/F2",
        "hereby:ops/INC-7/FFFFFFFFFFFFFFFFF",
        &long,
    ] {
        assert_eq!(bad.parse::<Marker>(), Err(BadMarker), "{bad}");
    }
}

#[test]
fn a_marker_is_found_as_a_word_and_not_in_another() {
    let ours = marker("hereby:ops/INC-7/F2");
    for there in [
        "hereby:ops/INC-7/F2",
        "text\n\n---\nhereby knows this ticket by `hereby:ops/INC-7/F2`.\n",
        "see hereby:ops/INC-7/F1, hereby:ops/INC-7/F2.",
        "(hereby:ops/INC-7/F2)",
        "hereby:ops/INC-7/F2: done",
        "ähereby:ops/INC-7/F1 hereby:ops/INC-7/F2ä",
    ] {
        assert!(ours.is_in(there), "{there}");
    }
    for not in [
        "",
        "hereby:ops/INC-7/F21",
        "hereby:ops/INC-7/F",
        "hereby:ops/INC-77/F2",
        "hereby:other.ops/INC-7/F2",
        "xhereby:ops/INC-7/F2",
        "hereby:ops/INC-7/F2-b",
        "hereby:ops/INC-7/F2/more",
        "hereby: ops/INC-7/F2",
    ] {
        assert!(!ours.is_in(not), "{not}");
    }
}

#[test]
fn a_base_url_leads_over_tls_or_to_this_machine() {
    for (text, shown, authority) in [
        (
            "https://api.github.com",
            "https://api.github.com",
            "api.github.com",
        ),
        (
            "https://Api.GitHub.com:443/",
            "https://api.github.com",
            "api.github.com",
        ),
        (
            "https://ghe.example.org:8443/api/v3/",
            "https://ghe.example.org:8443/api/v3",
            "ghe.example.org:8443",
        ),
        (
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080",
            "127.0.0.1:8080",
        ),
        ("http://localhost/x", "http://localhost/x", "localhost"),
        ("http://[::1]:9", "http://[::1]:9", "[::1]:9"),
    ] {
        let base: BaseUrl = text.parse().unwrap();
        assert_eq!(base.to_string(), shown);
        assert_eq!(base.authority(), authority);
    }
    for (text, why) in [
        ("", BadBaseUrl::NoUrl),
        ("api.github.com", BadBaseUrl::InTheClear),
        ("/repos", BadBaseUrl::NoUrl),
        ("http://api.github.com", BadBaseUrl::InTheClear),
        ("http://10.0.0.1", BadBaseUrl::InTheClear),
        ("http://localhost.example.org", BadBaseUrl::InTheClear),
        ("ftp://127.0.0.1", BadBaseUrl::InTheClear),
        ("https://token@api.github.com", BadBaseUrl::Secret),
        ("https://sam:token@api.github.com", BadBaseUrl::Secret),
        ("https://api.github.com/?access_token=x", BadBaseUrl::Path),
        ("https://api.github.com/#x", BadBaseUrl::Path),
        ("https://api.github.com/a/../b", BadBaseUrl::Path),
        ("https://api.github.com//", BadBaseUrl::Path),
        ("https://api.github.com/a%2Fb", BadBaseUrl::Path),
        ("https://a b", BadBaseUrl::NoUrl),
    ] {
        assert_eq!(text.parse::<BaseUrl>(), Err(why), "{text}");
    }
}

#[test]
fn what_the_server_links_to_is_followed_on_the_same_server_only() {
    let base: BaseUrl = "https://ghe.example.org/api/v3".parse().unwrap();
    for same in [
        "https://ghe.example.org/api/v3/repositories/1/issues?page=2",
        "https://GHE.example.org:443/api/v3/repositories/1/issues?page=2",
    ] {
        let path = "/api/v3/repositories/1/issues?page=2";
        assert_eq!(base.path_here(same).as_deref(), Some(path));
    }
    for other in [
        "http://ghe.example.org/api",
        "https://ghe.example.org:8443/api",
        "https://example.org/api",
        "https://ghe.example.org.evil.example/api",
        "https://x@ghe.example.org/api",
        "/api/v3",
        "//ghe.example.org/api",
        "",
    ] {
        assert_eq!(base.path_here(other), None, "{other}");
    }
}

#[test]
fn a_token_is_one_word_and_shows_itself_to_nobody() {
    for bad in ["", "a b", "a\n", "tökén", &"x".repeat(4_097)] {
        assert_eq!(bad.parse::<Secret>(), Err(BadSecret));
    }
    let token: Secret = "ghp_sample".parse().unwrap();
    let basic = Auth::Basic {
        user: "sam@example.org".parse().unwrap(),
        token: token.clone(),
    };
    // RFC 7617 §2, worked out with coreutils' base64.
    assert_eq!(
        basic.header().to_str().unwrap(),
        "Basic c2FtQGV4YW1wbGUub3JnOmdocF9zYW1wbGU="
    );
    let bearer = Auth::Bearer(token);
    assert_eq!(bearer.header().to_str().unwrap(), "Bearer ghp_sample");
    for auth in [basic, bearer] {
        let shown = format!("{auth:?} {:?}", auth.header());
        assert!(
            !shown.contains("ghp_sample") && !shown.contains("c2Ft"),
            "{shown}"
        );
    }
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let tls = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    let basic = Auth::Basic {
        user: "sam@example.org".parse().unwrap(),
        token: "sample".parse().unwrap(),
    };
    let github = System::GitHub {
        repository: "acme/shop".parse().unwrap(),
    };
    let refused = Tracker::new(github, BaseUrl::github(), basic.clone(), &tls);
    assert_eq!(refused.unwrap_err(), BadTracker::BasicForGitHub);
    let jira = |site| System::Jira {
        project: "OPS".parse().unwrap(),
        issue_type: "Task".parse().unwrap(),
        site,
    };
    let gateway: BaseUrl = "https://api.atlassian.com/ex/jira/1".parse().unwrap();
    let refused = Tracker::new(jira(None), gateway.clone(), basic.clone(), &tls);
    assert_eq!(refused.unwrap_err(), BadTracker::SiteMissing);
    let site = "https://acme.atlassian.net".parse().unwrap();
    assert!(Tracker::new(jira(Some(site)), gateway, basic, &tls).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_a_marker_that_reads_the_same_or_none(text in "\\PC{0,40}|hereby:[-a-zA-Z0-9._/:@]{0,30}/INC-[0-9]{1,11}/[-A-Za-z0-9.]{0,18}") {
        if let Ok(marker) = text.parse::<Marker>() {
            prop_assert_eq!(marker.as_str(), &text);
            prop_assert!(text.len() <= MARKER_BYTES_MAX);
            prop_assert!(marker.is_in(&text));
        }
    }

    #[test]
    fn every_marker_made_is_found_in_any_text(
        origin in "[-a-zA-Z0-9._/:@]{1,60}",
        number in 1_u32..,
        item in "[-A-Za-z0-9]{1,16}",
        before in "(\\PC*[^-a-zA-Z0-9._/:@])?",
        after in "([.:]*[^-a-zA-Z0-9._/:@]\\PC*)?",
    ) {
        let made = Marker::new(&origin, IncidentId::from_number(number), &item).unwrap();
        let found: Vec<Marker> = Marker::all_in(&format!("{before}{made}{after}")).collect();
        prop_assert!(found.contains(&made), "{made} among {found:?}");
        let another = Marker::new(&origin, IncidentId::from_number(number), "other-item").unwrap();
        prop_assert_eq!(another == made, another.is_in(made.as_str()));
    }

    #[test]
    fn a_base_url_reads_back_as_it_is_shown(text in "https?://[a-zA-Z0-9.:\\[\\]-]{1,20}[/a-z.]{0,12}") {
        if let Ok(base) = text.parse::<BaseUrl>() {
            prop_assert_eq!(base.to_string().parse::<BaseUrl>().unwrap(), base);
        }
    }
}
