//! Automatic restarts of what has failed.

use std::collections::VecDeque;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::ErrorKind;

use crate::Failure;
use crate::LogicalTime;

/// Whether and when a failed connector or task is restarted.
///
/// Only *transient* failures lead to a restart: those of another system, a file or the network
/// that are not marked as permanent. Bad configuration, bad data, panics and misuse do not,
/// because a restart would repeat them.
///
/// The pause before a restart doubles from `min` to `max`, with a jitter of up to a fifth, and is
/// `min` again once an incarnation has run for as long as the last pause. After `limit` restarts
/// within `window`, the failure stands until a user restarts it.
///
/// *Java*: never restarts anything; `restart.policy=never` does the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartPolicy {
    /// False if nothing is restarted automatically.
    pub is_on: bool,
    /// The first pause.
    pub min: Duration,
    /// The longest pause.
    pub max: Duration,
    /// How many restarts are allowed within the window.
    pub limit: usize,
    /// The window that restarts are counted in.
    pub window: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            is_on: true,
            min: Duration::from_secs(1),
            max: Duration::from_secs(60),
            limit: 20,
            window: Duration::from_secs(60 * 60),
        }
    }
}

impl RestartPolicy {
    /// Option: `transient` or `never`.
    pub const POLICY: &str = "restart.policy";
    /// Option: the first pause, in milliseconds.
    pub const MIN: &str = "restart.backoff.min.ms";
    /// Option: the longest pause, in milliseconds.
    pub const MAX: &str = "restart.backoff.max.ms";
    /// Option: how many restarts are allowed within the window.
    pub const LIMIT: &str = "restart.max.attempts";
    /// Option: the window, in milliseconds.
    pub const WINDOW: &str = "restart.window.ms";

    /// The policy of a connector: what its configuration says, else that of the worker. Values are
    /// checked when the connector is validated; invalid ones are ignored here.
    #[must_use]
    pub fn of(config: &ConfigMap, worker: Self) -> Self {
        let number = |key| config.get(key).and_then(|text| text.trim().parse().ok());
        let millis = |key, other| number(key).map_or(other, Duration::from_millis);
        let is_on = match config.get(Self::POLICY).map(str::trim) {
            Some(policy) if policy.eq_ignore_ascii_case("never") => false,
            Some(policy) if policy.eq_ignore_ascii_case("transient") => true,
            _ => worker.is_on,
        };
        let min = millis(Self::MIN, worker.min);
        Self {
            is_on,
            min,
            max: millis(Self::MAX, worker.max).max(min),
            limit: number(Self::LIMIT)
                .and_then(|limit| usize::try_from(limit).ok())
                .unwrap_or(worker.limit),
            window: millis(Self::WINDOW, worker.window),
        }
    }
}

/// True if a restart may help.
pub(super) fn is_transient(failure: &Failure) -> bool {
    failure.kind() == ErrorKind::External && !failure.is_permanent()
}

/// The restarts of one connector or task.
#[derive(Debug, Clone, Default)]
pub(super) struct Restarts {
    /// The times of restarts within the window, oldest first; at most as many as the limit.
    recent: VecDeque<LogicalTime>,
    /// Restarts since it was last stable.
    in_a_row: u32,
    last_pause: Duration,
    /// Restarts in all.
    pub(super) count: u64,
}

impl Restarts {
    /// When to restart what has failed now; `None` for never. `seed` decides the jitter.
    pub(super) fn next(
        &mut self,
        policy: &RestartPolicy,
        failure: &Failure,
        now: LogicalTime,
        ran_for: Duration,
        seed: u64,
    ) -> Option<LogicalTime> {
        if !policy.is_on || !is_transient(failure) {
            return None;
        }
        if ran_for >= self.last_pause {
            self.in_a_row = 0;
        }
        while let Some(first) = self.recent.front() {
            if now.since(*first) < policy.window && self.recent.len() <= policy.limit {
                break;
            }
            self.recent.pop_front();
        }
        if self.recent.len() >= policy.limit {
            return None;
        }
        let doubled = policy.min.saturating_mul(1 << self.in_a_row.min(20));
        let pause = doubled.min(policy.max);
        // Up to a fifth longer, so that what failed together does not restart together.
        let jitter = pause / 5 / 1000 * u32::try_from(seed % 1001).unwrap_or_default();
        self.last_pause = pause + jitter;
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.count += 1;
        let at = now + self.last_pause;
        self.recent.push_back(at);
        Some(at)
    }

    /// A user restarts it: the pauses start over.
    pub(super) fn forgive(&mut self) {
        self.recent.clear();
        self.in_a_row = 0;
        self.last_pause = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use connect_api::Error;
    use connect_api::config_map;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn transient() -> Failure {
        Error::external("connection refused").into()
    }

    #[test]
    fn pauses_double_and_start_again_once_it_was_stable() {
        let policy = RestartPolicy {
            max: 4 * SECOND,
            ..RestartPolicy::default()
        };
        let mut restarts = Restarts::default();
        let now = LogicalTime::default();
        let mut pause = |ran_for| {
            let next = restarts.next(&policy, &transient(), now, ran_for, 0);
            next.unwrap().since(now)
        };
        assert_eq!(pause(Duration::ZERO), SECOND);
        assert_eq!(pause(Duration::ZERO), 2 * SECOND);
        assert_eq!(pause(SECOND), 4 * SECOND);
        assert_eq!(pause(SECOND), 4 * SECOND);
        assert_eq!(pause(4 * SECOND), SECOND);
    }

    #[test]
    fn restarts_are_limited_within_the_window() {
        let policy = RestartPolicy {
            limit: 2,
            window: 100 * SECOND,
            ..RestartPolicy::default()
        };
        let mut restarts = Restarts::default();
        let start = LogicalTime::default();
        let mut next = |after| {
            let now = start + after;
            restarts.next(&policy, &transient(), now, Duration::ZERO, 0)
        };
        assert!(next(Duration::ZERO).is_some());
        assert!(next(10 * SECOND).is_some());
        assert!(next(20 * SECOND).is_none());
        assert!(next(102 * SECOND).is_some());
    }

    #[test]
    fn only_transient_failures_are_restarted() {
        let policy = RestartPolicy::default();
        for error in [
            Error::config("x"),
            Error::data("x"),
            Error::external("x").into_permanent(),
            Error::new(ErrorKind::Panicked, "x"),
            Error::unsupported("x"),
        ] {
            let failure = Failure::from(error);
            let now = LogicalTime::default();
            let next = Restarts::default().next(&policy, &failure, now, Duration::ZERO, 0);
            assert_eq!(next, None, "{failure:?}");
        }
    }

    #[test]
    fn a_connector_may_say_otherwise() {
        let worker = RestartPolicy::default();
        let config = config_map! {
            "restart.policy" => "never", "restart.backoff.min.ms" => "120000",
        };
        let policy = RestartPolicy::of(&config, worker);
        assert!(!policy.is_on);
        assert_eq!((policy.min, policy.max), (120 * SECOND, 120 * SECOND));
        assert_eq!(policy.limit, worker.limit);
    }

    #[test]
    fn the_jitter_is_at_most_a_fifth() {
        for seed in 0..3000 {
            let mut restarts = Restarts::default();
            let now = LogicalTime::default();
            let policy = RestartPolicy::default();
            let next = restarts.next(&policy, &transient(), now, Duration::ZERO, seed);
            let pause = next.unwrap().since(now);
            assert!(pause >= SECOND && pause <= SECOND + SECOND / 5);
        }
    }
}
