//! What goes to other systems: markers read back as they are and are found in any text, and no
//! field of a meeting adds a line to it.
#![no_main]

use base::Timestamp;
use libfuzzer_sys::fuzz_target;
use notify::calendar::{Invitation, Meeting, Method, Party, Uid, render};
use notify::tracker::{BaseUrl, MARKER_BYTES_MAX, Marker};
use notify::{Link, MailAddress};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for marker in Marker::all_in(text) {
        assert!(text.contains(marker.as_str()) && marker.as_str().len() <= MARKER_BYTES_MAX);
        assert!(marker.is_in(text));
        assert_eq!(marker.as_str().parse::<Marker>().as_ref(), Ok(&marker));
    }
    if let Ok(base) = text.parse::<BaseUrl>() {
        assert_eq!(base.to_string().parse::<BaseUrl>(), Ok(base));
    }
    meeting(text);
});

/// Takes the lines for the fields of a meeting, and holds what is rendered against RFC 5545 §3.1.
fn meeting(text: &str) {
    let mut fields = text.splitn(6, '\n');
    let mut field = || fields.next().unwrap_or_default();
    let name = field().parse().ok();
    let address: MailAddress = match field().parse() {
        Ok(address) => address,
        Err(_) => "sam@example.org".parse().expect("an address"),
    };
    let uid: Uid = match field().parse() {
        Ok(uid) => uid,
        Err(_) => "uid".parse().expect("a UID"),
    };
    let url: Option<Link> = field().parse().ok();
    let Ok(summary) = field().parse() else {
        return;
    };
    let party = Party { name, address };
    let meeting = Meeting {
        uid,
        sequence: 1,
        stamp: Timestamp::from_ms(0),
        start: Timestamp::from_ms(0),
        end: Timestamp::from_ms(1_000),
        summary,
        description: field().parse().ok(),
        location: None,
        url,
        invitation: Some(Invitation {
            organizer: party.clone(),
            attendees: vec![party],
        }),
    };
    let object = render(&meeting, Method::Request).expect("it makes sense");
    let lines: Vec<&str> = object.split_terminator("\r\n").collect();
    assert!(lines.iter().all(|line| (1..=75).contains(&line.len())));
    assert!(!lines.iter().any(|line| line.contains(['\r', '\n'])));
    let unfolded = lines.iter().filter(|line| !line.starts_with(' ')).count();
    let optional = [meeting.description.is_some(), meeting.url.is_some()];
    assert_eq!(
        unfolded,
        17 + optional.iter().filter(|there| **there).count()
    );
}
