//! The edge's clocks: one that never goes back, for deadlines, limits and waits; and the calendar's,
//! for certificates, bans and the log. A step of the calendar's clock moves none of the first kind.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use policy::Moment;

/// Before the first moment, so that "a while ago" can be said of a process that has just begun.
const LEAD: Duration = Duration::from_secs(86_400);

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Now, on the clock that never goes back.
pub(crate) fn now() -> Moment {
    let since = LEAD + start().elapsed();
    Moment(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Milliseconds since the process began.
pub(crate) fn uptime_ms() -> u64 {
    u64::try_from(start().elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The same moment for timers.
pub(crate) fn instant(moment: Moment) -> tokio::time::Instant {
    let since = Duration::from_micros(moment.0).saturating_sub(LEAD);
    tokio::time::Instant::from_std(start() + since)
}

/// Seconds since 1970, by the calendar.
pub(crate) fn unix_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Milliseconds since 1970, by the calendar.
pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// The value of `Date` (RFC 9110, 6.6.1), made once a second.
pub(crate) fn http_date() -> [u8; 29] {
    thread_local! {
        static MADE: Cell<(i64, [u8; 29])> = const { Cell::new((i64::MIN, [b' '; 29])) };
    }
    let now_s = unix_s();
    let (made_s, mut text) = MADE.get();
    if made_s != now_s {
        let now = UNIX_EPOCH + Duration::from_secs(u64::try_from(now_s).unwrap_or(0));
        if let Ok(made) = httpdate::fmt_http_date(now).as_bytes().try_into() {
            text = made;
        }
        MADE.set((now_s, text));
    }
    text
}
