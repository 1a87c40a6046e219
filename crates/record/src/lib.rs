//! The record: what an act is, how it is written down, and how anyone can check it.
//!
//! Pure: no files, no clock, no randomness. `store` puts these bytes on a disk, `engine` decides
//! which acts are written, and anyone may verify with nothing but this crate.

pub mod act;
pub mod author;
pub mod break_glass;
pub mod canonical;
pub mod checkpoint;
pub mod command;
pub mod cosignature;
pub mod fleet;
pub mod hash;
pub mod kinds;
pub mod note;
pub mod proof;
pub mod refusal;
pub mod sealed;
pub mod statement;
pub mod succession;
pub mod tile;
pub mod tree;
pub mod witness;
