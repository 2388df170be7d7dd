//! What the options of a topic mean.

use std::collections::BTreeMap;
use std::time::Duration;

/// The options that the log acts on. Others are stored and shown, without any effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    /// Of each key, only the last record is kept.
    pub(crate) compact: bool,
    /// Records are dropped by age and size.
    pub(crate) delete: bool,
    /// Older records are dropped, in ms.
    pub(crate) retention_ms: Option<i64>,
    /// Older records are dropped above so many bytes of a partition.
    pub(crate) retention_bytes: Option<u64>,
    /// Compaction starts when so much of a partition is not compacted yet.
    pub(crate) min_dirty_ratio: f64,
    /// Tombstones are kept for so long, in ms.
    pub(crate) delete_retention_ms: i64,
    /// The log sets the time of records.
    pub(crate) append_time: bool,
    /// The largest record.
    pub(crate) max_record_bytes: Option<usize>,
}

impl Policy {
    /// Reads options; the error says which one is wrong.
    pub(crate) fn parse(
        config: &BTreeMap<String, String>,
        default_retention: Option<Duration>,
    ) -> Result<Self, String> {
        let policy = config
            .get("cleanup.policy")
            .map_or("delete", String::as_str);
        let mut compact = false;
        let mut delete = false;
        for part in policy.split(',').map(str::trim) {
            match part {
                "compact" => compact = true,
                "delete" => delete = true,
                _ => {
                    return Err(format!(
                        "cleanup.policy=\"{policy}\": use \"delete\", \"compact\" or both"
                    ));
                }
            }
        }
        let default_ms = default_retention.map_or(-1, |time| {
            i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
        });
        let retention_ms = number(config, "retention.ms", default_ms, -1)?;
        let retention_bytes = number(config, "retention.bytes", -1, -1)?;
        let append_time = match config.get("message.timestamp.type").map(String::as_str) {
            None | Some("CreateTime") => false,
            Some("LogAppendTime") => true,
            Some(other) => return Err(format!("message.timestamp.type=\"{other}\"")),
        };
        let max_record_bytes = match config.get("max.message.bytes") {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| format!("max.message.bytes=\"{text}\""))?,
            ),
        };
        Ok(Self {
            compact,
            delete,
            retention_ms: Some(retention_ms).filter(|ms| delete && *ms >= 0),
            retention_bytes: u64::try_from(retention_bytes).ok().filter(|_| delete),
            min_dirty_ratio: ratio(config)?,
            delete_retention_ms: number(config, "delete.retention.ms", 86_400_000, 0)?,
            append_time,
            max_record_bytes,
        })
    }

    /// All options that the log acts on with their values, under those that were given.
    pub(crate) fn describe(&self, config: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let policy = match (self.compact, self.delete) {
            (true, true) => "compact,delete",
            (true, false) => "compact",
            (false, _) => "delete",
        };
        let or_minus_one = |number: Option<String>| number.unwrap_or_else(|| "-1".to_owned());
        let time = if self.append_time {
            "LogAppendTime"
        } else {
            "CreateTime"
        };
        let mut all: BTreeMap<String, String> = [
            ("cleanup.policy", policy.to_owned()),
            ("delete.retention.ms", self.delete_retention_ms.to_string()),
            ("message.timestamp.type", time.to_owned()),
            (
                "min.cleanable.dirty.ratio",
                self.min_dirty_ratio.to_string(),
            ),
            (
                "retention.bytes",
                or_minus_one(self.retention_bytes.map(|n| n.to_string())),
            ),
            (
                "retention.ms",
                or_minus_one(self.retention_ms.map(|n| n.to_string())),
            ),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        all.extend(config.clone());
        all
    }
}

fn number(
    config: &BTreeMap<String, String>,
    key: &str,
    default: i64,
    least: i64,
) -> Result<i64, String> {
    match config.get(key) {
        None => Ok(default),
        Some(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|number| *number >= least)
            .ok_or_else(|| format!("{key}=\"{text}\": use a whole number of at least {least}")),
    }
}

fn ratio(config: &BTreeMap<String, String>) -> Result<f64, String> {
    match config.get("min.cleanable.dirty.ratio") {
        None => Ok(0.5),
        Some(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio))
            .ok_or_else(|| format!("min.cleanable.dirty.ratio=\"{text}\": use 0 to 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[(&str, &str)]) -> Result<Policy, String> {
        let config = options
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Policy::parse(&config, None)
    }

    #[test]
    fn a_policy_is_delete_compact_or_both() {
        let table = [
            ("delete", (false, true)),
            ("compact", (true, false)),
            ("compact, delete", (true, true)),
        ];
        for (text, expected) in table {
            let policy = parse(&[("cleanup.policy", text)]).unwrap();
            assert_eq!((policy.compact, policy.delete), expected, "{text}");
        }
    }

    #[test]
    fn a_bad_option_is_named() {
        for (key, value) in [
            ("cleanup.policy", "compress"),
            ("retention.ms", "soon"),
            ("retention.bytes", "-2"),
            ("min.cleanable.dirty.ratio", "1.5"),
            ("message.timestamp.type", "Never"),
        ] {
            let error = parse(&[(key, value)]).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn a_compacted_topic_has_no_retention() {
        let policy = parse(&[("cleanup.policy", "compact"), ("retention.ms", "1")]).unwrap();
        assert_eq!(policy.retention_ms, None);
    }
}
