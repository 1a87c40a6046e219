//! Strict gates over raw bytes, in front of the libraries that speak HTTP, which are lenient: hyper
//! takes a request with two `Host`s, with `Content-Length` and `Transfer-Encoding`, with bare line
//! feeds. The edge reads from a socket into a buffer, asks the gate how many of these bytes are a
//! head, a body or whole frames, and reads on in just those. Whatever two readers could understand differently never gets
//! that far.
//!
//! A gate keeps no bytes and copies none; it only remembers where it is. What it says does not
//! depend on how the network cut the bytes into pieces. What it refused once it refuses for good.
//!
//! Not here: deadlines, sizes of bodies (they differ by route), and which headers go to an upstream.

mod budget;
mod chunks;
mod class;
mod field;
mod head;
mod host;
mod http1;
mod http2;
pub mod proxy;
mod target;

pub use field::field;
pub use host::{Host, host};
pub use http1::{Framing, HeadLimits, Http1, Phase, Piece};
pub use http2::{Http2, Http2Limits};
pub use target::target;

pub(crate) use class::hex;
