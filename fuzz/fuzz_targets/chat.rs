//! What a Matrix homeserver answers, which may be anybody's: pages, syncs, events. Reading ends, and
//! what is read of an event keeps to what the record can hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use notify::chat::matrix::{Event, Id, Page, Synced, readable};

fuzz_target!(|data: &[u8]| {
    if let Ok(page) = serde_json::from_slice::<Page>(data) {
        page.events.iter().for_each(looked_at);
    }
    if let Ok(synced) = serde_json::from_slice::<Synced>(data) {
        for (room, timeline) in synced.rooms() {
            sound(&room);
            timeline.events.iter().for_each(looked_at);
        }
    }
    if let Ok(event) = serde_json::from_slice::<Event>(data) {
        looked_at(&event);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let shown = readable(text);
        assert!(
            !shown
                .chars()
                .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
        );
    }
});

fn looked_at(event: &Event) {
    sound(&event.id);
    sound(&event.sender);
    if let Some((target, _)) = event.reaction() {
        sound(&target);
        assert!(event.message().is_none(), "a reaction is no message");
    }
    let _ = (event.message(), event.body(), event.mark());
}

/// An id fits on a line of the record, and into a path once it is encoded.
fn sound(id: &Id) {
    assert!((2..=200).contains(&id.as_str().len()));
    assert!(id.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(id.as_str().parse::<Id>().as_ref(), Ok(id));
}
