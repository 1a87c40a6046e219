//! What a proxy must do at all, with nginx behind it and curl in front.

use std::time::Duration;

use crate::harness::{Edge, Nginx, Place, curl, curl_status, free_port, raw, status_of};

pub(crate) fn plain(place: &Place, edge: u16, upstream: u16, more: &str) {
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{edge}\"\nhttp2 = true\n\
             [[upstream]]\nname = \"site\"\nservers = [\"127.0.0.1:{upstream}\"]\n\
             [[route]]\nname = \"all\"\nto = \"site\"\n{more}"
        ),
    );
}

#[test]
fn a_site_is_passed_on_over_both_versions_and_says_who_asked() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    let echo = "location /echo { return 200 \"$http_x_forwarded_for|$http_forwarded|$http_x_forwarded_proto|$http_host\"; }";
    let _nginx = Nginx::start(&place, behind, echo);
    place.write("www/page", "hello");
    plain(&place, port, behind, "");
    let edge = Edge::start(&place, port);
    let url = format!("http://{}/page", edge.address);
    assert_eq!(curl(&[&url]), "hello");
    assert_eq!(curl(&["--http2-prior-knowledge", &url]), "hello");
    let echo = curl(&[
        "-H",
        "X-Forwarded-For: 192.0.2.1",
        &format!("http://{}/echo", edge.address),
    ]);
    let expected = format!("127.0.0.1|for=127.0.0.1;proto=http|http|127.0.0.1:{port}");
    assert_eq!(
        echo, expected,
        "what an untrusted client says of others is not passed on"
    );
    assert_eq!(
        curl_status(&[&format!("http://{}/nothing", edge.address)]),
        404
    );
}

#[test]
fn a_dead_upstream_is_502_and_a_missing_route_404_each_with_its_reason() {
    let place = Place::new();
    let (port, nobody) = (free_port(), free_port());
    plain(&place, port, nobody, "path = \"/here/*\"\n");
    let edge = Edge::start(&place, port);
    let dead = curl(&[&format!("http://{}/here/it", edge.address)]);
    assert!(
        dead.contains("\"reason\":\"upstream_unreachable\""),
        "{dead}"
    );
    let missing = curl(&[&format!("http://{}/there", edge.address)]);
    assert!(
        missing.contains("\"reason\":\"route_unknown\""),
        "{missing}"
    );
    assert_eq!(place.refused("route_unknown"), 1);
    let id = missing
        .split("\"request_id\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let explained = place.ask(&["explain", id]);
    let text = String::from_utf8(explained.stdout).unwrap();
    assert!(
        text.contains("route_unknown") && text.contains("/there"),
        "{text}"
    );
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_and_the_connection_closed() {
    let place = Place::new();
    let (port, behind) = (free_port(), free_port());
    let _nginx = Nginx::start(&place, behind, "");
    plain(&place, port, behind, "");
    let edge = Edge::start(&place, port);
    let both = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n";
    let answer = raw(edge.address, both, Duration::from_secs(5));
    assert_eq!(status_of(&answer), 400);
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("length_with_encoding"), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
}
