//! Renaming topics by timestamp.

use connect_api::Error;
use connect_api::Result;
use connect_api::TopicName;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigError;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::clock::now_millis;
use crate::date_format::DateFormat;

/// Renames the topic of a record by a format of its topic and its timestamp, in UTC.
///
/// *Errors*: a record without a timestamp is a data error.
///
/// *Java*: `TimestampRouter`. A bad pattern is refused when the transform is configured; Java refuses
/// the first record.
#[derive(Debug, Default)]
pub struct TimestampRouter {
    formats: Option<Formats>,
    /// The last route.
    last: Option<Routed>,
    /// A buffer for the text of the timestamp.
    text: String,
}

#[derive(Debug, Clone, ConfigDef)]
struct TimestampRouterConfig {
    /// Format string which can contain <code>${topic}</code> and <code>${timestamp}</code> as
    /// placeholders for the topic and timestamp, respectively.
    #[config(name = "topic.format", default = "${topic}-${timestamp}", importance = high)]
    topic_format: String,
    /// Format string for the timestamp that is compatible with
    /// <code>java.text.SimpleDateFormat</code>.
    #[config(name = "timestamp.format", default = "yyyyMMdd", importance = high)]
    timestamp_format: String,
}

#[derive(Debug)]
struct Formats {
    topic: String,
    timestamp: DateFormat,
}

#[derive(Debug)]
struct Routed {
    from: TopicName,
    timestamp: String,
    to: TopicName,
}

impl Transform for TimestampRouter {
    fn config_def(&self) -> &ConfigDef {
        TimestampRouterConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = TimestampRouterConfig::from_config(config)?;
        let pattern = &config.timestamp_format;
        let timestamp = DateFormat::new(pattern, now_millis())
            .map_err(|reason| ConfigError::invalid("timestamp.format", pattern, reason))?;
        self.formats = Some(Formats {
            topic: config.topic_format,
            timestamp,
        });
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let Some(formats) = &self.formats else {
            return Err(Error::illegal_state("TimestampRouter is not configured"));
        };
        let Some(timestamp) = record.timestamp else {
            return Err(Error::data(format!(
                "Timestamp missing on record: topic \"{}\". TimestampRouter needs records with a \
                 timestamp",
                record.topic
            )));
        };
        self.text.clear();
        formats
            .timestamp
            .write(timestamp.as_millis(), &mut self.text);
        let last = match self.last.take() {
            // Most records have the topic and the day of the previous one.
            Some(last) if last.from == record.topic && last.timestamp == self.text => last,
            _ => Routed {
                to: formats
                    .topic
                    .replace("${topic}", &record.topic)
                    .replace("${timestamp}", &self.text)
                    .into(),
                from: record.topic,
                timestamp: self.text.clone(),
            },
        };
        record.topic = last.to.clone();
        self.last = Some(last);
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use connect_api::Timestamp;
    use connect_api::config_map;
    use connect_api::data::Datum;

    use super::*;
    use crate::testing::apply;

    #[test]
    fn a_new_topic_comes_with_a_new_day() {
        let mut router = TimestampRouter::default();
        router.configure(&config_map! {}).unwrap();
        let mut route = |topic: &str, millis| {
            let record =
                Record::new(topic, Datum::NULL).with_timestamp(Timestamp::from_millis(millis));
            apply(&mut router, record).unwrap().topic
        };
        assert_eq!(route("a", 0).as_str(), "a-19700101");
        assert_eq!(route("a", 86_399_999).as_str(), "a-19700101");
        assert_eq!(route("a", 86_400_000).as_str(), "a-19700102");
        assert_eq!(route("b", 86_400_000).as_str(), "b-19700102");
    }

    #[test]
    fn a_bad_pattern_is_refused_at_once() {
        let config = config_map! { "timestamp.format" => "yyyy-bb" };
        assert!(TimestampRouter::default().configure(&config).is_err());
    }
}
