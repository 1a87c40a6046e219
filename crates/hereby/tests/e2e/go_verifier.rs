//! Go's sumdb packages read what hereby publishes.
