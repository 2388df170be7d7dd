//! Metrics that plugins register, as the host sees them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use connect_api::metrics::HistogramSnapshot;
use connect_api::metrics::Instrument;
use connect_api::metrics::PluginMetrics;
use connect_api::metrics::PluginMetricsHost;
use connect_core::status::Subject;
use connect_core::sync::lock;

/// A metric that a running plugin has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginMetric {
    /// The connector or task whose plugin it is.
    pub subject: Subject,
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub description: &'static str,
    /// Its value when the snapshot was taken.
    pub value: MetricValue,
}

/// The value of a metric at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricValue {
    /// Of a counter.
    Counter(u64),
    /// Of a gauge.
    Gauge(i64),
    /// Of a histogram.
    Histogram(HistogramSnapshot),
}

/// The instruments of one incarnation.
#[derive(Debug, Default)]
pub(crate) struct Instruments(Mutex<BTreeMap<&'static str, (&'static str, Instrument)>>);

impl Instruments {
    pub(crate) fn plugin_metrics(self: &Arc<Self>) -> PluginMetrics {
        PluginMetrics::new(Arc::clone(self) as Arc<dyn PluginMetricsHost>)
    }

    /// The current values.
    pub(crate) fn snapshot(&self, subject: &Subject) -> Vec<PluginMetric> {
        let instruments = lock(&self.0);
        let metrics = instruments.iter();
        metrics
            .filter_map(|(name, (description, instrument))| {
                let value = match instrument {
                    Instrument::Counter(counter) => MetricValue::Counter(counter.value()),
                    Instrument::Gauge(gauge) => MetricValue::Gauge(gauge.value()),
                    Instrument::Histogram(histogram) => {
                        MetricValue::Histogram(histogram.snapshot())
                    }
                    _ => return None,
                };
                Some(PluginMetric {
                    subject: subject.clone(),
                    name,
                    description,
                    value,
                })
            })
            .collect()
    }
}

impl PluginMetricsHost for Instruments {
    fn register(&self, name: &'static str, description: &'static str, instrument: Instrument) {
        let mut instruments = lock(&self.0);
        instruments.insert(name, (description, instrument));
    }
}
