//! hereby below a service manager: it says when it serves, and when it stops.

use std::os::unix::net::UnixDatagram;

use super::harness::{PATIENCE, Place};

#[test]
fn a_service_manager_is_told_when_hereby_takes_acts_and_when_it_stops() {
    let place = Place::new();
    let path = place.dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut text = [0; 64];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    };
    let socket = format!("NOTIFY_SOCKET={}", path.display());
    // `env` becomes hereby: the process that the manager knows.
    let server = place.serve_under(&["env", &socket]);
    assert_eq!(told(), "READY=1");
    place.ok(&["declare", "told", "--severity", "4"]);
    assert_eq!(server.stop(), 0);
    assert_eq!(told(), "STOPPING=1");
    manager.set_nonblocking(true).unwrap();
    assert!(manager.recv(&mut [0; 8]).is_err(), "each is said once");
}
