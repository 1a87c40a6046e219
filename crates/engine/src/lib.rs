//! The only writer: commands become acts, acts become state.

pub mod ports;
