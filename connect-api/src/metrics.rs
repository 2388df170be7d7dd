//! Metrics of plugins.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Where a plugin registers its own metrics (KIP-877).
///
/// The worker publishes them with the name of the connector or task for as long as the plugin runs.
///
/// ```
/// use connect_api::metrics::PluginMetrics;
///
/// let metrics = PluginMetrics::detached();
/// let split = metrics.counter("lines-split", "Lines longer than the limit that were split");
/// split.add(2);
/// assert_eq!(split.value(), 2);
///
/// let sizes = metrics.histogram("line-bytes", "Bytes per line");
/// sizes.record(100);
/// assert_eq!(sizes.snapshot().count(), 1);
/// ```
#[derive(Clone, Default)]
pub struct PluginMetrics(Option<Arc<dyn PluginMetricsHost>>);

/// The runtime's side of [`PluginMetrics`].
pub trait PluginMetricsHost: Send + Sync + 'static {
    /// Publishes an instrument while the plugin runs. One of the same name is replaced.
    fn register(&self, name: &'static str, description: &'static str, instrument: Instrument);
}

/// One metric, of one of three kinds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Instrument {
    /// A number that only grows.
    Counter(Counter),
    /// A number that goes up and down.
    Gauge(Gauge),
    /// How often values of which size came.
    Histogram(Histogram),
}

impl PluginMetrics {
    /// Creates metrics that are not published.
    #[must_use]
    pub const fn detached() -> Self {
        Self(None)
    }

    /// Creates metrics that a runtime publishes.
    #[must_use]
    pub fn new(host: Arc<dyn PluginMetricsHost>) -> Self {
        Self(Some(host))
    }

    /// Registers a counter, at 0.
    #[must_use]
    pub fn counter(&self, name: &'static str, description: &'static str) -> Counter {
        let counter = Counter::default();
        self.register(name, description, Instrument::Counter(counter.clone()));
        counter
    }

    /// Registers a gauge, at 0.
    #[must_use]
    pub fn gauge(&self, name: &'static str, description: &'static str) -> Gauge {
        let gauge = Gauge::default();
        self.register(name, description, Instrument::Gauge(gauge.clone()));
        gauge
    }

    /// Registers a histogram, empty.
    #[must_use]
    pub fn histogram(&self, name: &'static str, description: &'static str) -> Histogram {
        let histogram = Histogram::default();
        self.register(name, description, Instrument::Histogram(histogram.clone()));
        histogram
    }

    fn register(&self, name: &'static str, description: &'static str, instrument: Instrument) {
        if let Some(host) = &self.0 {
            host.register(name, description, instrument);
        }
    }
}

impl fmt::Debug for PluginMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginMetrics").finish_non_exhaustive()
    }
}

/// A number that only grows. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds to the number.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The current number.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Adds to the number.
    pub fn add(&self, amount: i64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Sets the number.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The current number.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often values of which size came. Clones share it.
///
/// *Shape*: one bucket per power of two, so that quantiles are exact to a factor of two whatever the
/// values are.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug)]
struct Buckets {
    /// Bucket `n` counts values below `2^n` and not below half of that; bucket 0 counts zeros.
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

const BUCKETS: usize = u64::BITS as usize + 1;

impl Default for Histogram {
    fn default() -> Self {
        Self(Arc::new(Buckets {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
        }))
    }
}

impl Histogram {
    /// Counts a value.
    pub fn record(&self, value: u64) {
        let bucket = (u64::BITS - value.leading_zeros()) as usize;
        if let Some(count) = self.0.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.0.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What was counted until now.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        let counts = self.0.counts.iter();
        HistogramSnapshot {
            counts: counts.map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.0.sum.load(Ordering::Relaxed),
        }
    }
}

/// What a [`Histogram`] had counted at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    counts: Box<[u64]>,
    sum: u64,
}

impl HistogramSnapshot {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum; it wraps around.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest value of each bucket that is not empty, and how many values it has.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts.iter().enumerate();
        counts
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, count)| (largest(bucket), *count))
    }

    /// A value that the share `q` of all values, from 0 to 1, does not exceed; at most twice the
    /// smallest such value. 0 if there are none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = (self.count() as f64 * q.clamp(0.0, 1.0)).ceil();
        let mut seen = 0u64;
        for (largest, count) in self.buckets() {
            seen += count;
            if seen as f64 >= rank {
                return largest;
            }
        }
        0
    }
}

/// The largest value of a bucket.
const fn largest(bucket: usize) -> u64 {
    match bucket {
        0 => 0,
        64.. => u64::MAX,
        _ => (1 << bucket) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_knows_quantiles_to_a_factor_of_two() {
        let histogram = Histogram::default();
        for value in 0..1000 {
            histogram.record(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum()), (1000, 499_500));
        assert_eq!(snapshot.quantile(0.0), 0);
        assert_eq!(snapshot.quantile(0.5), 511);
        assert_eq!(snapshot.quantile(1.0), 1023);
        histogram.record(u64::MAX);
        assert_eq!(histogram.snapshot().quantile(1.0), u64::MAX);
    }

    #[test]
    fn clones_share_a_metric() {
        let metrics = PluginMetrics::detached();
        let gauge = metrics.gauge("queue-depth", "Messages that wait");
        let shared = gauge.clone();
        gauge.set(5);
        shared.add(-2);
        assert_eq!((gauge.value(), shared.value()), (3, 3));
    }
}
