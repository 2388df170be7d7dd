//! When records that wait for a batch to fill are sent without that.
//!
//! librdkafka sends a batch when it is full or when its `linger.ms` is over. An idempotent producer
//! has only one request per partition in flight. Meanwhile librdkafka's thread spins as long as
//! there are records older than `linger.ms`, which is most of the time if the source is faster than
//! the log. So librdkafka gets a very long `linger.ms`, and this module decides when to flush it,
//! for a short time each (ADR 13).

use std::time::Duration;
use std::time::Instant;

use crate::client::SERVE;

/// The `linger.ms` of librdkafka.
pub(crate) const NATIVE_LINGER: Duration = Duration::from_secs(60);

/// How long records wait at least while full batches are sent: some may be for a partition that
/// gets few records. A flush costs more then.
const BUSY: Duration = Duration::from_millis(50);

/// How long one flush lasts at most, initially. It ends earlier if nothing is left to be sent.
const SHORT: Duration = Duration::from_millis(1);

/// How long one flush lasts at most if shorter ones sent nothing: librdkafka's thread has to run
/// meanwhile, which takes a while on a busy machine.
const LONG: Duration = Duration::from_millis(64);

/// How long one flush lasts at most while [`Producer::flush`] waits.
///
/// [`Producer::flush`]: connect_broker::Producer::flush
const REQUESTED: Duration = Duration::from_millis(10);

/// What a producer has in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InFlight {
    /// How many records have been delivered or have failed so far.
    pub(crate) completed: u64,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    /// A flush waits until nothing is in flight.
    pub(crate) is_flushing: bool,
}

/// What the thread of a producer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send what waits, for at most this time.
    Flush(Duration),
    /// Wait for callbacks, for at most this time.
    Wait(Duration),
}

/// Decides when to flush.
#[derive(Debug)]
pub(crate) struct Linger {
    /// `linger.ms` as the user means it.
    wait: Duration,
    /// librdkafka sends a batch of this many records or bytes by itself.
    full: (usize, usize),
    /// Since when records wait, or since the last flush.
    since: Option<Instant>,
    /// How long the next flush lasts.
    duration: Duration,
    /// How many records were completed at the last flush.
    completed: u64,
}

impl Linger {
    pub(crate) const fn new(wait: Duration, full: (usize, usize)) -> Self {
        Self {
            wait,
            full,
            since: None,
            duration: SHORT,
            completed: u64::MAX,
        }
    }

    pub(crate) fn step(&mut self, now: Instant, in_flight: InFlight) -> Step {
        if in_flight.records == 0 {
            self.since = None;
            // The next record has its full time.
            self.completed = u64::MAX;
            return Step::Wait(SERVE);
        }
        if in_flight.is_flushing {
            return Step::Flush(REQUESTED);
        }
        let is_full = in_flight.records >= self.full.0 || in_flight.bytes >= self.full.1;
        let wait = if is_full {
            self.wait.max(BUSY)
        } else {
            self.wait
        };
        let due = *self.since.get_or_insert(now) + wait;
        if now < due {
            return Step::Wait(due - now);
        }
        // If this flush is too short, the next step finds the records still there.
        self.since = Some(now);
        self.duration = if self.completed == in_flight.completed {
            (self.duration * 2).min(LONG)
        } else {
            SHORT
        };
        self.completed = in_flight.completed;
        Step::Flush(self.duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(5);

    fn linger() -> (Linger, Instant) {
        (Linger::new(WAIT, (1_000, 100_000)), Instant::now())
    }

    fn in_flight(records: usize) -> InFlight {
        InFlight {
            completed: 0,
            records,
            bytes: records * 100,
            is_flushing: false,
        }
    }

    #[test]
    fn a_single_record_is_flushed_after_its_time() {
        let (mut linger, now) = linger();
        assert_eq!(linger.step(now, in_flight(1)), Step::Wait(WAIT));
        let half = now + WAIT / 2;
        assert_eq!(linger.step(half, in_flight(2)), Step::Wait(WAIT / 2));
        let step = linger.step(now + WAIT, in_flight(2));
        assert_eq!(step, Step::Flush(SHORT));
        // It was too short: the next one is longer, after another wait.
        assert_eq!(linger.step(now + WAIT, in_flight(2)), Step::Wait(WAIT));
        let step = linger.step(now + WAIT * 2, in_flight(2));
        assert_eq!(step, Step::Flush(SHORT * 2));
        for n in 3..10 {
            linger.step(now + WAIT * n, in_flight(2));
        }
        let step = linger.step(now + WAIT * 10, in_flight(2));
        assert_eq!(step, Step::Flush(LONG));
        let mut fewer = in_flight(1);
        fewer.completed = 1;
        let step = linger.step(now + WAIT * 11, fewer);
        assert_eq!(step, Step::Flush(SHORT), "the last flush was long enough");
        assert_eq!(linger.step(now + WAIT * 2, in_flight(0)), Step::Wait(SERVE));
        // A later record has its full time.
        let later = now + WAIT * 20;
        assert_eq!(linger.step(later, in_flight(1)), Step::Wait(WAIT));
    }

    #[test]
    fn full_batches_are_left_to_librdkafka_and_others_flushed_soon() {
        let (mut linger, now) = linger();
        let step = linger.step(now, in_flight(1_000));
        assert_eq!(step, Step::Wait(BUSY));
        let step = linger.step(now + WAIT, in_flight(1_200));
        assert_eq!(step, Step::Wait(BUSY - WAIT));
        // The rest of them waits no longer than other records.
        let step = linger.step(now + WAIT, in_flight(200));
        assert_eq!(step, Step::Flush(SHORT));
        let step = linger.step(now + WAIT, in_flight(1_200));
        assert_eq!(step, Step::Wait(BUSY));
        let step = linger.step(now + WAIT + BUSY, in_flight(1_200));
        assert!(matches!(step, Step::Flush(_)));
    }

    #[test]
    fn a_requested_flush_starts_at_once() {
        let (mut linger, now) = linger();
        let mut all = in_flight(2_000);
        all.is_flushing = true;
        assert_eq!(linger.step(now, all), Step::Flush(REQUESTED));
        all.records = 0;
        assert_eq!(linger.step(now, all), Step::Wait(SERVE));
    }

    #[test]
    fn without_linger_records_are_flushed_at_once() {
        let mut linger = Linger::new(Duration::ZERO, (1_000, 100_000));
        let step = linger.step(Instant::now(), in_flight(1));
        assert_eq!(step, Step::Flush(SHORT));
    }
}
