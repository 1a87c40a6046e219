//! How sure the kernel is of the time: what an incident's declaration says of the clock.
//!
//! One system call, adjtimex(2), asked to change nothing. Neither the standard library nor rustix
//! wraps it, which is why this is a crate of its own: this and `memory` alone have unsafe code.

use record::kinds::incident::ClockSeen;

/// What the kernel says of its clock; `None` where it does not answer.
pub fn seen() -> Option<ClockSeen> {
    let (answer, timex) = ask()?;
    // The clock counts as unsynchronised when adjtimex answers TIME_ERROR or says STA_UNSYNC.
    let synchronised = answer != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0;
    let max_error_us = u64::try_from(timex.maxerror).unwrap_or(0);
    Some(ClockSeen {
        max_error_ms: max_error_us.div_ceil(1_000),
        synchronised,
    })
}

#[expect(unsafe_code, reason = "adjtimex(2) has no safe wrapper")]
fn ask() -> Option<(libc::c_int, libc::timex)> {
    // SAFETY: a timex is plain numbers, for all of which zero is a value; `modes` 0 means: change
    // nothing.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a timex that lives until the call returns.
    let answer = unsafe { libc::adjtimex(&raw mut timex) };
    (answer >= 0).then_some((answer, timex))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_answers() {
        let seen = super::seen().expect("Linux answers without privileges");
        // The kernel lets the error grow to 16 s and then calls the clock unsynchronised.
        assert!(seen.max_error_ms <= 16_000, "{seen:?}");
    }
}
