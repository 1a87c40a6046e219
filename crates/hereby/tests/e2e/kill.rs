//! hereby is killed at any moment, again and again.
