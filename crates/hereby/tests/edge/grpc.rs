//! gRPC through the edge with a real client and a real server (grpcio): each kind of call, trailers,
//! deadlines, and what a refusal looks like to a client.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Edge, Place, Process, free_port, wait_for};
use crate::tls_peers::Ca;

/// Debian's own: what is installed beside it may have no grpcio.
const PYTHON: &str = "/usr/bin/python3";

fn python(place: &Place, args: &[&str]) -> Command {
    let script = place.write("orders.py", include_str!("grpc.py"));
    let mut command = Command::new(PYTHON);
    command.arg(script).args(args).stdin(Stdio::null());
    command
}

/// What a client sees of everything that it can do.
fn seen(place: &Place, port: u16, more: &[&str]) -> Value {
    let port = port.to_string();
    let output = python(place, &[&["use", &port], more].concat())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_kind_of_call_goes_through_with_its_trailers_and_deadlines() {
    let place = Place::new();
    let (port, tls, behind) = (free_port(), free_port(), free_port());
    let _server = Process::start(&mut python(&place, &["serve", &behind.to_string()]));
    wait_for(behind);
    let ca = Ca::root(&place, "ca");
    let server = ca.server(&place, "server", &["shop.example"]);
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\nhttp2 = true\n\
             [[listen]]\naddress = \"127.0.0.1:{tls}\"\ntls = true\nhttp2 = true\n\
             [[certificate]]\nchain_file = {:?}\nkey_file = {:?}\n\
             [[upstream]]\nname = \"orders\"\nprotocol = \"http2\"\nservers = [\"127.0.0.1:{behind}\"]\n\
             [[limit]]\nname = \"few\"\nkey = \"route\"\nrate = {{ requests = 1, per_ms = 86400000, burst = 1 }}\n\
             [[tenant]]\nname = \"shop\"\nhosts = [\"shop.example\"]\n\
             [[route]]\nname = \"limited\"\ntenant = \"shop\"\npath = \"/shop.Orders/Limited\"\nto = \"orders\"\nlimits = [\"few\"]\n\
             [[route]]\nname = \"orders\"\ntenant = \"shop\"\npath = \"/shop.Orders/*\"\nto = \"orders\"\n",
            server.chain, server.key
        ),
    );
    let _edge = Edge::start(&place, port);
    let wanted = |limited: &str| {
        json!({
            "get": "cba",
            "trailing": {"order": "kept", "sum-bin": "b'\\x00\\xff'"},
            "fail": "NOT_FOUND",
            "listed": 500,
            "last": "order 499",
            "uploaded": "4194304",
            "large": 1 << 20,
            "chat": ["heard one", "heard two", "heard three"],
            "slow": "DEADLINE_EXCEEDED",
            "cancelled": "yes",
            // A plain 404, and a plain 429, as gRPC's own table has them.
            "nobody": "UNIMPLEMENTED",
            "limited": limited,
        })
    };
    // The server does not know it; the second time the limit is used up.
    assert_eq!(seen(&place, port, &[]), wanted("UNIMPLEMENTED"));
    assert_eq!(seen(&place, tls, &[ca.file()]), wanted("UNAVAILABLE"));
}
