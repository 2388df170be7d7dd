//! How soon a task is polled again.

use std::time::Duration;

use connect_api::Error;
use connect_core::TaskId;
use tokio::time::Instant;

/// Slows down a task that returns nothing without waiting, or fails, again and again.
///
/// A `poll` must wait for data itself. One that returns an empty batch at once would take a whole
/// core, and one that fails at once would fill the log.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Empty batches in a row that came at once.
    empty: u32,
    /// Retriable errors in a row.
    failures: u32,
    /// When it may be polled again; `None` is at once.
    pub(super) next: Option<Instant>,
}

impl Pace {
    /// Records came.
    pub(super) fn records(&mut self) {
        *self = Self::default();
    }

    /// Nothing came, after `took`.
    pub(super) fn empty(&mut self, id: &TaskId, took: Duration) {
        self.failures = 0;
        self.next = None;
        if took >= IS_A_WAIT {
            self.empty = 0;
            return;
        }
        self.empty = self.empty.saturating_add(1);
        let Some(excess) = self.empty.checked_sub(FREE_EMPTY) else {
            return;
        };
        if excess == 0 {
            tracing::warn!(
                task = %id,
                polls = self.empty,
                "poll returns no records and does not wait; the task is polled less often. \
                 Wait for data inside poll"
            );
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << excess.min(20));
        self.next = Some(Instant::now() + pause.min(LONGEST_PAUSE));
    }

    /// It failed and is to be polled again.
    pub(super) fn failed(&mut self, id: &TaskId, error: &Error) {
        let pause = FIRST_BACK_OFF.saturating_mul(1 << self.failures.min(20));
        let pause = pause.min(LONGEST_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        self.next = Some(Instant::now() + pause);
        tracing::warn!(
            task = %id,
            error = error.report(),
            failures = self.failures,
            again_in = ?pause,
            "poll failed and is tried again"
        );
    }
}

/// Waits until the task may be polled.
///
/// *Cancellation*: safe.
pub(super) async fn wait(next: Option<Instant>) {
    if let Some(next) = next {
        tokio::time::sleep_until(next).await;
    }
}

/// A `poll` that takes as long has waited.
const IS_A_WAIT: Duration = Duration::from_millis(1);

/// Empty batches in a row that cost no pause.
const FREE_EMPTY: u32 = 100;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(pace: &Pace) -> Duration {
        pace.next
            .map_or(Duration::ZERO, |next| next - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn who_returns_nothing_at_once_is_polled_less_and_less_often() {
        let id = TaskId::new("c", 0);
        let mut pace = Pace::default();
        let pauses: Vec<_> = (0..FREE_EMPTY + 9)
            .map(|_| {
                pace.empty(&id, Duration::ZERO);
                pause(&pace).as_millis()
            })
            .collect();
        let (free, paused) = pauses.split_at(FREE_EMPTY as usize - 1);
        assert!(free.iter().all(|pause| *pause == 0));
        assert_eq!(paused, [1, 2, 4, 8, 16, 32, 64, 100, 100, 100]);
        pace.records();
        assert_eq!(pause(&pace), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_and_returns_nothing_is_not_slowed_down() {
        let id = TaskId::new("c", 0);
        let mut pace = Pace::default();
        for _ in 0..10 * FREE_EMPTY {
            pace.empty(&id, Duration::from_millis(5));
        }
        assert_eq!(pause(&pace), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn errors_back_off() {
        let id = TaskId::new("c", 0);
        let mut pace = Pace::default();
        let error = Error::retriable("connection refused");
        let pauses: Vec<_> = (0..9)
            .map(|_| {
                pace.failed(&id, &error);
                pause(&pace).as_millis()
            })
            .collect();
        assert_eq!(
            pauses,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
    }
}
