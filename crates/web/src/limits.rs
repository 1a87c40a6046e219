//! Every bound of the server in one place. What goes past one is answered or closed, and counted.

use std::time::Duration;

/// The bounds. The defaults are what the reference states; tests make them small.
#[derive(Clone, Debug)]
pub struct Limits {
    /// TCP connections at once, over all listeners. More are closed at once.
    pub tcp_connections_max: usize,
    /// TCP connections at once from one address (IPv6: one /64).
    pub tcp_connections_per_peer_max: usize,
    /// Connections on the local socket at once: apart, so that outsiders can't lock it up.
    pub local_connections_max: usize,
    /// A TLS handshake takes at most so long.
    pub handshake_time_max: Duration,
    /// The first byte of a connection comes within this time.
    pub first_byte_time_max: Duration,
    /// A request's head is complete this long after its first byte; also how long an HTTP/1.1
    /// connection may be idle.
    pub head_time_max: Duration,
    /// A request's body is complete this long after its head.
    pub body_time_max: Duration,
    /// A connection that takes nothing of what is sent to it is closed after this time.
    pub write_stall_max: Duration,
    /// A connection without a request in progress is closed after this time.
    pub idle_time_max: Duration,
    /// A request whose answer is not taken completely by then ends its connection. Live events
    /// are exempt.
    pub request_time_max: Duration,
    /// How long a command may take before its outcome counts as unknown.
    pub command_time_max: Duration,
    /// How long a reader waits for its turn at the disk, and for the checkpoint to be published.
    pub patience: Duration,
    /// How long the connections have to end when the server stops.
    pub stop_time_max: Duration,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Header lines of a request.
    pub header_lines_max: usize,
    /// Requests in progress, over all connections.
    pub requests_max: usize,
    /// Bytes of bodies held at once, received and to be sent.
    pub body_bytes_total_max: usize,
    /// Bodies being received at once from senders who are known only once their body was read.
    pub strangers_max: usize,
    /// Readers at the disk at once.
    pub readers_max: usize,
    /// Computations over all incidents at once: they take a core each.
    pub calculations_max: usize,
    /// Listeners to live events at once.
    pub event_streams_max: usize,
    /// A comment is sent on a quiet stream of events this often.
    pub event_heartbeat: Duration,
    /// Commands a second of one caller, sustained; ten times as many on the local socket.
    pub commands_per_second: u32,
    /// Commands of one caller at once; ten times as many on the local socket.
    pub commands_burst: u32,
    /// Deliveries of alerts and heartbeats a second of one caller, sustained.
    pub deliveries_per_second: u32,
    /// Deliveries at once.
    pub deliveries_burst: u32,
    /// Requests of edges a second from one address: each edge asks once a second.
    pub edges_per_second: u32,
    /// Requests of edges at once.
    pub edges_burst: u32,
    /// Other requests a second of one caller, sustained.
    pub reads_per_second: u32,
    /// Other requests at once.
    pub reads_burst: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            tcp_connections_max: 2_048,
            tcp_connections_per_peer_max: 128,
            local_connections_max: 256,
            handshake_time_max: Duration::from_secs(10),
            first_byte_time_max: Duration::from_secs(10),
            head_time_max: Duration::from_secs(10),
            body_time_max: Duration::from_secs(30),
            write_stall_max: Duration::from_secs(30),
            idle_time_max: Duration::from_secs(60),
            request_time_max: Duration::from_secs(120),
            command_time_max: Duration::from_secs(10),
            patience: Duration::from_secs(1),
            stop_time_max: Duration::from_secs(5),
            head_bytes_max: 32 << 10,
            header_lines_max: 100,
            requests_max: 2_048,
            body_bytes_total_max: 128 << 20,
            strangers_max: 64,
            readers_max: 16,
            calculations_max: 1,
            event_streams_max: 1_536,
            event_heartbeat: Duration::from_secs(15),
            commands_per_second: 50,
            commands_burst: 200,
            deliveries_per_second: 50,
            deliveries_burst: 200,
            edges_per_second: 1_500,
            edges_burst: 3_000,
            reads_per_second: 500,
            reads_burst: 2_000,
        }
    }
}
