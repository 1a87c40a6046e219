//! Keys may be in the wrong hands: everything that lets somebody in is made worthless by one command, and what
//! is left for people stands in the incident's checklist.

use std::process::Command;

use super::harness::{Place, http};

/// Signs somebody in; the cookie.
fn signed_in(place: &Place, address: &str) -> String {
    let link = place.ok(&["login", "--for", "sam"]);
    let code = link.trim().rsplit_once('#').unwrap().1.to_owned();
    let output = Command::new("curl")
        .args(["-s", "-i", "--data-urlencode", &format!("code={code}")])
        .args(["--data-urlencode", "next=/"])
        .args(["-H", &format!("Origin: http://{address}")])
        .arg(format!("http://{address}/sign-in"))
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "));
    let line = line.unwrap_or_else(|| panic!("{answer}"));
    line.split(';').next().unwrap().to_owned()
}

#[test]
fn every_secret_is_worthless_after_one_command_and_the_rest_is_a_checklist() {
    let place = Place::new();
    let server = place.serve();
    let address = server.address.clone();
    place.ok(&["person", "add", "sam"]);
    let robot = place.token("robot", "read");
    place.token("pager", "alerts");
    place.ok(&["key", "new", "sam-laptop"]);
    place.ok(&["key", "enroll", "sam-laptop", "--person", "sam"]);
    let cookie = signed_in(&place, &address);
    place.ok(&["cell", "define", "eu-1"]);
    place.ok(&["edge", "invite", "edge-1", "--cell", "eu-1"]);
    let read = |token: &str| {
        let found = http(&address, "GET", "/api/v1/incidents", Some(token), &[], "");
        found.unwrap().0
    };
    let page = |cookie: &str| {
        let found = http(&address, "GET", "/", None, &[("Cookie", cookie)], "");
        found.unwrap().0
    };
    assert_eq!((read(&robot), page(&cookie)), (200, 200));

    // Who looks first changes nothing.
    let planned = place.ok(&["rotate-secrets", "--plan"]);
    assert!(planned.contains("Revoke every token: 2"), "{planned}");
    assert!(planned.contains("End every session: 1"), "{planned}");
    assert!(
        planned.contains("Revoke every person's key: 1"),
        "{planned}"
    );
    assert!(planned.contains("not used: 1"), "{planned}");
    assert_eq!((read(&robot), page(&cookie)), (200, 200));
    let no = place.hereby(&["rotate-secrets", "-m", "stolen"]);
    assert!(no.code == 2 && no.stderr.contains("no incident is named"));
    place.ok(&[
        "declare",
        "keys may be in the wrong hands",
        "--severity",
        "1",
    ]);
    let no = place.hereby(&["rotate-secrets", "1"]);
    assert!(no.code == 2 && no.stderr.contains("nobody is told why"));

    let vkey = place.ok(&["record", "keys"]);
    let said = place.ok(&["rotate-secrets", "1", "-m", "the laptop was stolen"]);
    assert!(said.contains("9 steps left for people"), "{said}");
    assert!(
        said.contains("1.7  Trust another break-glass key"),
        "{said}"
    );
    assert_eq!(read(&robot), 401);
    assert_ne!(page(&cookie), 200);
    let empty = |path: &str| {
        let all = place.json(&[path, "list"]);
        all["items"].as_array().unwrap().is_empty()
    };
    assert!(empty("token") && empty("key"));
    let fleet = place.json(&["fleet"]);
    assert_eq!(fleet["fleet"]["invitations"].as_array().unwrap().len(), 0);
    assert_ne!(
        place.ok(&["record", "keys"]).lines().next(),
        vkey.lines().next()
    );
    let steps = place.acts_of("incident.step_ticked");
    assert_eq!(steps.len(), 5);
    let revoked = place.acts_of("token.revoked");
    assert_eq!(revoked.len(), 2);
    assert!(
        revoked
            .iter()
            .all(|act| act["why"] == "the laptop was stolen")
    );

    // Begun again, it does nothing twice.
    let again = place.ok(&["rotate-secrets", "1", "-m", "again"]);
    assert_eq!(again, said);
    assert_eq!(place.acts_of("record.key_rotated").len(), 1);
    place.ok(&["tick", "1", "7"]);
    let left = place.ok(&["rotate-secrets", "1", "-m", "again"]);
    assert!(left.contains("8 steps left for people"), "{left}");
    assert_eq!(server.stop(), 0);
    let said = place.hereby(&["verify"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}
