//! When records that wait for others to go with go without them.
//!
//! librdkafka itself sends a batch when it is full or when its `linger.ms` is over. But while a
//! request of an idempotent producer is under way, there is no second one for its partition, and
//! librdkafka's thread spins as long as records there are older than `linger.ms`: where the source is
//! faster than the log, for most of the time. So it is told to wait for very long, and is hurried
//! from here, for a moment at a time.

use std::time::Duration;
use std::time::Instant;

/// How long a record may wait for others unless `linger.ms` says: Kafka's default.
pub(crate) const DEFAULT_LINGER: Duration = Duration::from_millis(5);

/// How long librdkafka is told to wait.
pub(crate) const NATIVE_LINGER: Duration = Duration::from_secs(60);

/// How long records may wait at least while full batches go: there may be some for a partition that
/// gets few of them. A hurry costs more then.
const BUSY: Duration = Duration::from_millis(50);

/// How long one hurry lasts at most, the first time. It ends sooner if nothing is left to be sent.
const MOMENT: Duration = Duration::from_millis(1);

/// How long one hurry lasts at most where shorter ones achieved nothing: librdkafka's thread must
/// get a turn meanwhile, which takes its time on a machine with more to do than it can.
const LONG_MOMENT: Duration = Duration::from_millis(64);

/// How long one hurry lasts at most while somebody waits for everything to be sent.
const FLUSH: Duration = Duration::from_millis(10);

/// How long one wait for callbacks lasts at most.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// What a producer has under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnderWay {
    /// Records that have left.
    pub(crate) landed: u64,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    /// Somebody waits until nothing is under way.
    pub(crate) is_flushing: bool,
}

/// What the thread of a producer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send what waits, for at most so long.
    Hurry(Duration),
    /// Wait for callbacks, at most so long.
    Wait(Duration),
}

/// Decides when to hurry.
#[derive(Debug)]
pub(crate) struct Linger {
    wait: Duration,
    /// A batch of so many records or bytes goes by itself.
    full: (usize, usize),
    /// Since when there are records, or since the last hurry.
    since: Option<Instant>,
    /// How long the next hurry lasts.
    moment: Duration,
    /// How many records had landed at the last one.
    landed: u64,
}

impl Linger {
    pub(crate) const fn new(wait: Duration, full: (usize, usize)) -> Self {
        Self {
            wait,
            full,
            since: None,
            moment: MOMENT,
            landed: u64::MAX,
        }
    }

    pub(crate) fn step(&mut self, now: Instant, under_way: UnderWay) -> Step {
        if under_way.records == 0 {
            self.since = None;
            // What comes next has all its time before it.
            self.landed = u64::MAX;
            return Step::Wait(TICK);
        }
        if under_way.is_flushing {
            return Step::Hurry(FLUSH);
        }
        let is_full = under_way.records >= self.full.0 || under_way.bytes >= self.full.1;
        let wait = if is_full {
            self.wait.max(BUSY)
        } else {
            self.wait
        };
        let due = *self.since.get_or_insert(now) + wait;
        if now < due {
            return Step::Wait(due - now);
        }
        // If the moment is too short, the next look finds the records still there.
        self.since = Some(now);
        self.moment = if self.landed == under_way.landed {
            (self.moment * 2).min(LONG_MOMENT)
        } else {
            MOMENT
        };
        self.landed = under_way.landed;
        Step::Hurry(self.moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(5);

    fn linger() -> (Linger, Instant) {
        (Linger::new(WAIT, (1_000, 100_000)), Instant::now())
    }

    fn under_way(records: usize) -> UnderWay {
        UnderWay {
            landed: 0,
            records,
            bytes: records * 100,
            is_flushing: false,
        }
    }

    #[test]
    fn a_lone_record_is_hurried_after_its_time() {
        let (mut linger, now) = linger();
        assert_eq!(linger.step(now, under_way(1)), Step::Wait(WAIT));
        let half = now + WAIT / 2;
        assert_eq!(linger.step(half, under_way(2)), Step::Wait(WAIT / 2));
        let step = linger.step(now + WAIT, under_way(2));
        assert_eq!(step, Step::Hurry(MOMENT));
        // It was too short: a longer one, but not at once.
        assert_eq!(linger.step(now + WAIT, under_way(2)), Step::Wait(WAIT));
        let step = linger.step(now + WAIT * 2, under_way(2));
        assert_eq!(step, Step::Hurry(MOMENT * 2));
        for n in 3..10 {
            linger.step(now + WAIT * n, under_way(2));
        }
        let step = linger.step(now + WAIT * 10, under_way(2));
        assert_eq!(step, Step::Hurry(LONG_MOMENT));
        let mut fewer = under_way(1);
        fewer.landed = 1;
        let step = linger.step(now + WAIT * 11, fewer);
        assert_eq!(step, Step::Hurry(MOMENT), "one was enough");
        assert_eq!(linger.step(now + WAIT * 2, under_way(0)), Step::Wait(TICK));
        // Later ones have their own time.
        let later = now + WAIT * 20;
        assert_eq!(linger.step(later, under_way(1)), Step::Wait(WAIT));
    }

    #[test]
    fn full_batches_go_by_themselves_and_others_soon() {
        let (mut linger, now) = linger();
        let step = linger.step(now, under_way(1_000));
        assert_eq!(step, Step::Wait(BUSY));
        let step = linger.step(now + WAIT, under_way(1_200));
        assert_eq!(step, Step::Wait(BUSY - WAIT));
        // What is left of them waits no longer than any other.
        let step = linger.step(now + WAIT, under_way(200));
        assert_eq!(step, Step::Hurry(MOMENT));
        let step = linger.step(now + WAIT, under_way(1_200));
        assert_eq!(step, Step::Wait(BUSY));
        let step = linger.step(now + WAIT + BUSY, under_way(1_200));
        assert!(matches!(step, Step::Hurry(_)));
    }

    #[test]
    fn a_flush_hurries_everything() {
        let (mut linger, now) = linger();
        let mut all = under_way(2_000);
        all.is_flushing = true;
        assert_eq!(linger.step(now, all), Step::Hurry(FLUSH));
        all.records = 0;
        assert_eq!(linger.step(now, all), Step::Wait(TICK));
    }

    #[test]
    fn without_lingering_records_go_at_once() {
        let mut linger = Linger::new(Duration::ZERO, (1_000, 100_000));
        let step = linger.step(Instant::now(), under_way(1));
        assert_eq!(step, Step::Hurry(MOMENT));
    }
}
