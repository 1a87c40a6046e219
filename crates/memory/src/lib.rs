//! The allocator, mimalloc, and giving back to the system what was freed: reading a large
//! configuration takes several times the room that it leaves filled, and mimalloc returns such room
//! late, and only when something else is asked of it.
//!
//! Used by the binary alone; the allocator's own call has no safe wrapper, which is why this is a
//! crate of its own.

pub use mimalloc::MiMalloc as Allocator;

/// Returns what this thread freed to the system. It takes milliseconds: for what happens seldom.
#[expect(unsafe_code, reason = "mi_collect has no safe wrapper")]
pub fn give_back() {
    // SAFETY: it may be called by any thread at any time, and frees nothing that is in use.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    #[global_allocator]
    static ALLOCATOR: super::Allocator = super::Allocator;

    fn resident_kib() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let size = line.unwrap().split_whitespace().nth(1).unwrap();
        size.parse().unwrap()
    }

    #[test]
    fn what_was_freed_is_the_systems_again() {
        let before = resident_kib();
        let many: Vec<Box<[u8; 512]>> = (0..100_000).map(|_| Box::new([1; 512])).collect();
        let most = resident_kib();
        assert!(most > before + 40_000, "{before} {most}");
        drop(many);
        super::give_back();
        let after = resident_kib();
        assert!(after < before + 10_000, "{before} {most} {after}");
    }
}
