//! Tells a service manager how far hereby is (sd_notify(3)), if one asked for it.
//!
//! One datagram to the socket that `NOTIFY_SOCKET` names. Who does not listen is no failure: hereby
//! runs without a service manager just as well.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It listens, and what it answers is durable.
    Ready,
    /// It was told to stop, and finishes what was begun.
    Stopping,
}

impl State {
    fn text(self) -> &'static [u8] {
        match self {
            State::Ready => b"READY=1",
            State::Stopping => b"STOPPING=1",
        }
    }

    /// Tells the service manager, if there is one.
    pub(super) fn tell(self) {
        let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
            return;
        };
        if let Err(error) = send(&socket, self.text()) {
            tracing::warn!(%error, "the service manager could not be told how far hereby is");
        }
    }
}

/// A path, or an abstract name behind `@`.
fn send(socket: &OsStr, text: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.send_to_addr(text, &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_an_abstract_name_are_told_and_nobody_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        assert!(send(path.as_os_str(), b"READY=1").is_err());
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), State::Ready.text()).unwrap();
        let name = format!("hereby-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let abstractly = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), State::Stopping.text()).unwrap();
        for (socket, text) in [(manager, &b"READY=1"[..]), (abstractly, b"STOPPING=1")] {
            let mut told = [0; 64];
            let length = socket.recv(&mut told).unwrap();
            assert_eq!(&told[..length], text);
        }
    }
}
