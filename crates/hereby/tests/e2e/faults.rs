//! The disk fails, fills, or lies.
