//! Who goes first when the machine is overloaded, as incidents make it.
//!
//! A busy neighbour gets its share of a core in turns of a whole scheduler tick, 4 ms on many
//! kernels, however high the nice values of others are; beside threads of a real-time policy it
//! gets what they leave. They sleep most of the time, the requests that keep them awake are bounded
//! in size and rate, and the kernel itself never gives them all of a core (sched(7), "Limiting the
//! CPU usage of real-time and deadline processes").

use std::io;

use rustix::process::setpriority_process;
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};

/// How far in front of others a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Nobody waits for what it does.
    Behind,
    /// As every other program.
    Ordinary,
    /// Asks and answers: round robin, priority 1; where that is not allowed, nice -10.
    Answers,
    /// Everyone waits for it: round robin, priority 2; where that is not allowed, nice -15.
    Commits,
}

impl Rank {
    /// The real-time priority (sched(7), `SCHED_RR`), if it has one.
    fn realtime(self) -> Option<u8> {
        match self {
            Rank::Behind | Rank::Ordinary => None,
            Rank::Answers => Some(1),
            Rank::Commits => Some(2),
        }
    }

    /// The nice value without one (setpriority(2): -20 is first, 19 last).
    fn nice(self) -> i32 {
        match self {
            Rank::Behind => 5,
            Rank::Ordinary => 0,
            Rank::Answers => -10,
            Rank::Commits => -15,
        }
    }

    /// Gives the calling thread this rank; says whether it has a real-time policy now. Threads
    /// that it starts from now on begin with the same.
    ///
    /// # Errors
    /// When the process may neither use a real-time policy nor raise a nice value.
    pub fn take(self) -> io::Result<bool> {
        let may = match self.realtime() {
            Some(priority) => round_robin(priority),
            None => {
                step_back();
                false
            }
        };
        if !may {
            // On Linux each thread has its own; process id 0 means the calling one.
            setpriority_process(None, self.nice())?;
        }
        Ok(may)
    }
}

fn round_robin(priority: u8) -> bool {
    ThreadPriorityValue::try_from(priority).is_ok_and(|priority| {
        set_thread_priority_and_policy(
            thread_native_id(),
            ThreadPriority::Crossplatform(priority),
            ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin),
        )
        .is_ok()
    })
}

/// Leaves a real-time policy that was inherited.
fn step_back() {
    if let Ok(ThreadSchedulePolicy::Realtime(_)) = thread_schedule_policy() {
        // Less is always allowed.
        let _ = set_thread_priority_and_policy(
            thread_native_id(),
            ThreadPriority::Min,
            ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other),
        );
    }
}

#[cfg(test)]
mod tests;
