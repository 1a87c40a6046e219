//! Rules within their time. A call can't be broken off, so what one took is measured: whose rules take
//! too long again and again are not asked for a while, and what becomes of requests meanwhile is
//! declared. So one tenant's rules cost the others little.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use policy::config::RulesFailure;
use policy::{Moment, Reason};

use crate::clock;
use crate::judge::{Head, Rules};
use crate::refuse::Refused;
use crate::running::Tenant;

/// Rules may take so long for one request.
const BUDGET_MICROS: u64 = 2_000;
/// So many in a row that took longer: one alone may be the machine's doing.
const OVER_MAX: u32 = 3;
/// So long rules rest then; each time that the first judgement after it is too long again, twice as long.
const REST_MS: u64 = 1_000;
const REST_DOUBLED_MAX: u32 = 6;

/// How it stands with one tenant's rules.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// Judgements in a row that took too long.
    over: AtomicU32,
    /// Until when they rest, on the clock that never goes back.
    rests_until: AtomicU64,
}

impl Patience {
    /// How many milliseconds they still rest.
    fn rests_ms(&self, now: Moment) -> Option<u64> {
        let until = Moment(self.rests_until.load(Relaxed));
        (now < until).then(|| until.ms_since(now) + 1)
    }

    /// One judgement took so long. Whether that was too long.
    fn took(&self, micros: u64, now: Moment) -> bool {
        if micros <= BUDGET_MICROS {
            self.over.store(0, Relaxed);
            return false;
        }
        let over = self.over.fetch_add(1, Relaxed).saturating_add(1);
        if over >= OVER_MAX {
            let doubled = (over - OVER_MAX).min(REST_DOUBLED_MAX);
            let until = now.plus_ms(REST_MS << doubled);
            self.rests_until.fetch_max(until.0, Relaxed);
        }
        true
    }
}

/// Has a tenant's rules judge a request, if they don't rest.
///
/// # Errors
/// With the rule that refuses it; or because nobody judges it, and that is not enough.
pub(crate) fn judge(
    rules: &dyn Rules,
    head: &Head<'_>,
    tenant: &Tenant,
    failure: RulesFailure,
) -> Result<(), Refused> {
    let begun = clock::now();
    if let Some(rests_ms) = tenant.patience.rests_ms(begun) {
        return match failure {
            RulesFailure::Pass => Ok(()),
            RulesFailure::Refuse => {
                let refused = Refused::new(Reason::RulesOverBudget);
                Err(refused.after_s(rests_ms.div_ceil(1_000)))
            }
        };
    }
    let outcome = rules.judge(head, BUDGET_MICROS);
    let ended = clock::now();
    if tenant.patience.took(ended.micros_since(begun), ended) {
        tenant.counts.rules_over_budget.add(1);
    }
    // It was late, and it is a judgement.
    outcome.map_err(|rule| Refused::new(Reason::RuleRefused).about(rule))
}

#[cfg(test)]
mod tests {
    //! Rules that take too long are left alone for a while, and nobody else's with them.

    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use std::time::{Duration, Instant};

    use hyper::header::HeaderMap;
    use policy::config::{self, RulesFailure};
    use policy::{Moment, Reason};

    use super::{BUDGET_MICROS, OVER_MAX, Patience, judge};
    use crate::judge::{Head, Rules};
    use crate::running::Tenant;

    /// Takes as long as the request's target says, in microseconds, and refuses what has "evil" in it.
    #[derive(Default)]
    struct Slow {
        asked: AtomicU64,
    }

    impl Rules for Slow {
        fn judge(&self, head: &Head<'_>, _: u64) -> Result<(), String> {
            self.asked.fetch_add(1, Relaxed);
            let micros: u64 = head.target.trim_matches('/').parse().unwrap_or(0);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(micros) {
                std::hint::spin_loop();
            }
            match head.host {
                "evil" => Err("no evil".to_owned()),
                _ => Ok(()),
            }
        }
    }

    fn head<'a>(target: &'a str, host: &'a str, fields: &'a HeaderMap) -> Head<'a> {
        Head {
            tenant: "shop",
            method: "GET",
            target,
            host,
            fields,
            client: [127, 0, 0, 1].into(),
        }
    }

    #[test]
    fn rules_over_budget_rest_and_what_becomes_of_requests_is_declared() {
        let (slow, fields) = (Slow::default(), HeaderMap::new());
        let tenant = || Tenant::new(&Arc::new(config::Tenant::default()));
        let (strict, lenient, other) = (tenant(), tenant(), tenant());
        let ask = |tenant: &Tenant, failure, target: &str, host: &str| {
            let judged = judge(&slow, &head(target, host, &fields), tenant, failure);
            judged.map_err(|refused| refused.reason)
        };
        for (tenant, failure) in [
            (&strict, RulesFailure::Refuse),
            (&lenient, RulesFailure::Pass),
        ] {
            // Late, and yet a judgement.
            assert_eq!(ask(tenant, failure, "/5000", "good"), Ok(()));
            let refused = ask(tenant, failure, "/5000", "evil");
            assert_eq!(refused, Err(Reason::RuleRefused));
            assert_eq!(ask(tenant, failure, "/5000", "good"), Ok(()));
            assert!(tenant.counts.rules_over_budget.total() >= u64::from(OVER_MAX));
            let asked = slow.asked.load(Relaxed);
            let resting = ask(tenant, failure, "/0", "evil");
            match failure {
                RulesFailure::Refuse => assert_eq!(resting, Err(Reason::RulesOverBudget)),
                RulesFailure::Pass => assert_eq!(resting, Ok(())),
            }
            assert_eq!(slow.asked.load(Relaxed), asked, "they are not asked");
        }
        let judged = ask(&other, RulesFailure::Refuse, "/0", "evil");
        assert_eq!(judged, Err(Reason::RuleRefused), "another's are");
    }

    #[test]
    fn one_that_was_late_is_forgiven_and_rest_grows_while_they_stay_slow() {
        let patience = Patience::default();
        let now = Moment(1_000_000_000);
        for _ in 0..10 {
            assert!(patience.took(BUDGET_MICROS + 1, now));
            assert!(patience.took(BUDGET_MICROS + 1, now));
            assert!(!patience.took(BUDGET_MICROS, now));
        }
        assert_eq!(patience.rests_ms(now), None);
        for _ in 0..OVER_MAX {
            patience.took(BUDGET_MICROS + 1, now);
        }
        assert_eq!(patience.rests_ms(now), Some(1_001));
        let later = now.plus_ms(1_000);
        assert_eq!(patience.rests_ms(later), None);
        patience.took(BUDGET_MICROS + 1, later);
        assert_eq!(patience.rests_ms(later), Some(2_001));
        for _ in 0..100 {
            patience.took(BUDGET_MICROS + 1, later);
        }
        assert_eq!(patience.rests_ms(later), Some(64_001));
    }
}
