//! Metrics of plugins.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

/// Where a plugin registers its own metrics (KIP-877).
///
/// The worker of this version does not publish them: its contexts return
/// [`detached`](Self::detached) metrics, which only the plugin itself can read.
///
/// ```
/// use connect_api::metrics::PluginMetrics;
///
/// let metrics = PluginMetrics::detached();
/// let lines = metrics.register("lines-split", "Lines longer than the limit that were split");
/// lines.add(2);
/// assert_eq!(lines.value(), 2);
/// ```
#[derive(Clone, Default)]
pub struct PluginMetrics(Option<Arc<dyn PluginMetricsHost>>);

/// The runtime's side of [`PluginMetrics`].
pub trait PluginMetricsHost: Send + Sync + 'static {
    /// Publishes a metric while the plugin exists. A metric of the same name is replaced.
    fn register(&self, name: &'static str, description: &'static str, metric: Metric);
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

    /// Registers a metric whose initial value is 0.
    #[must_use]
    pub fn register(&self, name: &'static str, description: &'static str) -> Metric {
        let metric = Metric::default();
        if let Some(host) = &self.0 {
            host.register(name, description, metric.clone());
        }
        metric
    }
}

impl fmt::Debug for PluginMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginMetrics").finish_non_exhaustive()
    }
}

/// A counter or gauge of a plugin. Clones share the value.
#[derive(Debug, Clone, Default)]
pub struct Metric(Arc<AtomicI64>);

impl Metric {
    /// Adds to the value.
    pub fn add(&self, amount: i64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The current value.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
