//! Who is let in at all.

use hyper::{Request, Version};

use super::may_pass;
use crate::connection::Peer;

fn request(version: Version, hosts: &[&str]) -> Request<()> {
    let mut request = Request::builder().version(version).uri("/healthz");
    for host in hosts {
        request = request.header("host", *host);
    }
    request.body(()).unwrap()
}

#[test]
fn a_foreign_user_on_the_local_socket_may_nothing() {
    let good = request(Version::HTTP_11, &["localhost"]);
    let foreign = Peer::Local {
        uid: 65_534,
        admitted: false,
    };
    let problem = may_pass(&foreign, true, &good).unwrap_err();
    assert_eq!(
        (problem.status.as_u16(), problem.reason),
        (403, "forbidden")
    );
    let ours = Peer::Local {
        uid: 1_000,
        admitted: true,
    };
    assert!(may_pass(&ours, true, &good).is_ok());
    assert_eq!(
        may_pass(&ours, false, &good).unwrap_err().reason,
        "overloaded"
    );
}

#[test]
fn http_1_1_needs_one_host_and_nobody_may_send_two() {
    let peer = Peer::Local {
        uid: 0,
        admitted: true,
    };
    let status = |version, hosts: &[&str]| {
        may_pass(&peer, true, &request(version, hosts))
            .err()
            .map(|problem| problem.status.as_u16())
    };
    assert_eq!(status(Version::HTTP_11, &[]), Some(400));
    assert_eq!(status(Version::HTTP_11, &["a"]), None);
    assert_eq!(status(Version::HTTP_11, &["a", "a"]), Some(400));
    assert_eq!(status(Version::HTTP_10, &[]), None);
    assert_eq!(status(Version::HTTP_2, &[]), None);
    assert_eq!(status(Version::HTTP_2, &["a", "b"]), Some(400));
}
