//! What an edge asks of the kernel as it begins. Used by `run`; what is not granted is said, and lived
//! without.

/// Each connection is a descriptor, and most systems begin with 1,024.
pub(crate) fn raise_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the number of descriptors can't be raised");
    }
}

/// Memory in pages of 4 KiB, not 2 MiB: what an idle edge freed is lost to the system where a small
/// part of so large a page is in use.
pub(crate) fn small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "memory stays in large pages");
    }
}
