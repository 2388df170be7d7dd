//! Finds plugin code that holds its thread or takes too long, from the pulses alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::plugin_threads::pulse::Call;
use crate::plugin_threads::pulse::CallLimits;
use crate::plugin_threads::pulse::CallMark;
use crate::plugin_threads::pulse::Pulse;
use crate::plugin_threads::pulse::Step;

/// When plugin code counts as late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WatchLimits {
    /// How long a step may hold its thread before a spare thread takes its place.
    pub(crate) block: Duration,
    pub(crate) calls: CallLimits,
}

/// What was seen of all pulses so far.
pub(super) struct Watch<K> {
    limits: WatchLimits,
    seen: HashMap<K, Seen>,
}

/// What was seen of one pulse.
struct Seen {
    step: Step,
    step_since: Instant,
    mark: CallMark,
    mark_since: Instant,
    /// The step that was warned about.
    warned: Option<Step>,
    next_warning: Instant,
    is_stalled: bool,
}

/// What a look has brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Look<K> {
    /// How many threads are blocked.
    pub(super) blocked: usize,
    pub(super) news: Vec<(K, News)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// A step has held its thread for this long.
    Holds(Call, Duration),
    /// What was stalled makes progress again.
    Moving,
    /// A call is over its limit, or a step blocks its thread, since then.
    Stalled(Call, Instant),
}

impl<K: Copy + Eq + std::hash::Hash> Watch<K> {
    pub(super) fn new(limits: WatchLimits) -> Self {
        Self {
            limits,
            seen: HashMap::new(),
        }
    }

    /// Compares the pulses with what was seen before; pulses that are gone are forgotten.
    pub(super) fn look(&mut self, now: Instant, pulses: &[(K, Arc<Pulse>)]) -> Look<K> {
        let mut look = Look {
            blocked: 0,
            news: Vec::new(),
        };
        let mut before = std::mem::take(&mut self.seen);
        for (key, pulse) in pulses {
            let (step, mark) = (pulse.step(), pulse.mark());
            let mut seen = before.remove(key).unwrap_or(Seen {
                step,
                step_since: now,
                mark,
                mark_since: now,
                warned: None,
                next_warning: now,
                is_stalled: false,
            });
            if seen.step != step {
                (seen.step, seen.step_since) = (step, now);
            }
            if seen.mark != mark {
                (seen.mark, seen.mark_since) = (mark, now);
            }
            let blocked = seen.look(now, &self.limits, &mut |news| look.news.push((*key, news)));
            look.blocked += usize::from(blocked);
            self.seen.insert(*key, seen);
        }
        look
    }
}

impl Seen {
    /// True if a thread is blocked.
    fn look(&mut self, now: Instant, limits: &WatchLimits, tell: &mut dyn FnMut(News)) -> bool {
        let call = self.mark.call();
        let held = if self.step.is_under_way() {
            now - self.step_since
        } else {
            Duration::ZERO
        };
        if held >= HOLDS && self.warned != Some(self.step) && now >= self.next_warning {
            self.warned = Some(self.step);
            self.next_warning = now + WARN_SELDOM;
            tell(News::Holds(call, held));
        }
        let is_blocked = self.step.is_under_way() && held >= limits.block;
        let is_over = limits
            .calls
            .of(call)
            .is_some_and(|limit| now - self.mark_since >= limit);
        let is_stalled = is_blocked || is_over;
        if is_stalled != self.is_stalled {
            self.is_stalled = is_stalled;
            tell(if !is_stalled {
                News::Moving
            } else if is_over {
                News::Stalled(call, self.mark_since)
            } else {
                News::Stalled(call, self.step_since)
            });
        }
        is_blocked
    }
}

/// How long a step may hold its thread without a word.
const HOLDS: Duration = Duration::from_millis(200);

/// How often the same plugin code is warned about at most.
const WARN_SELDOM: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: WatchLimits = WatchLimits {
        block: Duration::from_secs(1),
        calls: CallLimits {
            put: Duration::from_secs(10),
            commit: Duration::from_secs(5),
            callback: Duration::from_secs(2),
        },
    };

    struct Scene {
        watch: Watch<u64>,
        pulse: Arc<Pulse>,
        begin: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                watch: Watch::new(LIMITS),
                pulse: Arc::default(),
                begin: Instant::now(),
            }
        }

        fn at(&mut self, millis: u64) -> Look<u64> {
            let now = self.begin + Duration::from_millis(millis);
            self.watch.look(now, &[(1, Arc::clone(&self.pulse))])
        }

        fn nothing(&mut self, millis: u64) {
            let look = self.at(millis);
            assert_eq!((look.blocked, look.news), (0, Vec::new()));
        }
    }

    #[test]
    fn a_step_that_holds_its_thread_is_warned_about_and_then_counts_as_blocked() {
        let mut scene = Scene::new();
        scene.pulse.step_begins();
        scene.nothing(0);
        scene.nothing(100);
        let held = Duration::from_millis(200);
        assert_eq!(scene.at(200).news, [(1, News::Holds(Call::Idle, held))]);
        scene.nothing(900);
        let stalled = News::Stalled(Call::Idle, scene.begin);
        let look = scene.at(1000);
        assert_eq!((look.blocked, look.news), (1, vec![(1, stalled)]));
        assert_eq!(scene.at(5000).blocked, 1);
        scene.pulse.step_ends();
        let look = scene.at(5100);
        assert_eq!((look.blocked, look.news), (0, vec![(1, News::Moving)]));
    }

    #[test]
    fn warnings_about_the_same_code_are_rare() {
        let mut scene = Scene::new();
        let mut warned = 0;
        for step in 0..300 {
            scene.pulse.step_begins();
            scene.at(step * 500);
            let look = scene.at(step * 500 + 300);
            warned += look.news.len();
            scene.pulse.step_ends();
        }
        assert_eq!(warned, 3, "150 seconds of slow steps");
    }

    #[test]
    fn a_call_over_its_limit_is_stalled_until_it_returns() {
        let mut scene = Scene::new();
        let pulse = Arc::clone(&scene.pulse);
        let call = pulse.calling(Call::Put);
        scene.nothing(0);
        scene.nothing(9_900);
        let stalled = News::Stalled(Call::Put, scene.begin);
        let look = scene.at(10_000);
        assert_eq!((look.blocked, look.news), (0, vec![(1, stalled)]));
        scene.nothing(20_000);
        drop(call);
        assert_eq!(scene.at(20_100).news, [(1, News::Moving)]);
        // Each call has its own time.
        for start in (30_000..60_000).step_by(3_000) {
            let _call = pulse.calling(Call::Put);
            scene.nothing(start);
        }
    }

    #[test]
    fn an_idle_poll_has_no_limit() {
        let mut scene = Scene::new();
        scene.pulse.step_begins();
        scene.pulse.step_ends();
        for hour in 0..100 {
            scene.nothing(hour * 3_600_000);
        }
    }
}
