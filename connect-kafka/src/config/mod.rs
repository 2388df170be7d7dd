//! Client options: from the names of Kafka's Java clients to those of librdkafka.
//!
//! [`options`] is the table of all options of the Java clients and what becomes of each;
//! `docs/client-options.md` is generated from it. An option that is not in the table is logged as a
//! warning, with the likely name. The prefix `librdkafka.` passes an option of librdkafka itself,
//! such as `librdkafka.debug`.

mod build;
mod dependent;
mod jaas;
mod login;
mod shared;
mod store;
mod table;
mod translated;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::plugin::closest;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::StartOffset;
use rdkafka::ClientConfig;

/// What becomes of an option of the Java clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Treatment {
    /// It has no effect, which is logged.
    Ignored,
    /// It is an error.
    Refused,
    /// It is passed to librdkafka under another name.
    Renamed(&'static str),
    /// It is passed to librdkafka as it is.
    Same,
    /// Its note says how it is read.
    Translated,
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored => f.write_str("ignored"),
            Self::Refused => f.write_str("refused"),
            Self::Renamed(name) => write!(f, "passed on as `{name}`"),
            Self::Same => f.write_str("passed on"),
            Self::Translated => f.write_str("translated"),
        }
    }
}

/// An option of the Java clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientOption {
    /// Its name in Java.
    pub name: &'static str,
    clients: u8,
    /// What becomes of it.
    pub treatment: Treatment,
    /// How it is read, or why it is not; may be empty.
    pub note: &'static str,
    numbers: Option<Numbers>,
}

/// The numbers that an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    java: (i64, i64),
    here: (i64, i64),
}

impl ClientOption {
    const ADMIN: u8 = 1;
    const CONSUMER: u8 = 2;
    const PRODUCER: u8 = 4;

    /// True if producers have it.
    #[must_use]
    pub fn is_for_producers(&self) -> bool {
        self.clients & Self::PRODUCER != 0
    }

    /// True if consumers have it.
    #[must_use]
    pub fn is_for_consumers(&self) -> bool {
        self.clients & Self::CONSUMER != 0
    }

    /// True if administrative clients have it.
    #[must_use]
    pub fn is_for_admins(&self) -> bool {
        self.clients & Self::ADMIN != 0
    }

    /// The numbers that librdkafka takes, if Java takes more. Another number is replaced with the
    /// nearest of them.
    #[must_use]
    pub fn range(&self) -> Option<RangeInclusive<i64>> {
        let Numbers { java, here } = self.numbers?;
        (java != here).then_some(here.0..=here.1)
    }

    /// The nearest number that librdkafka takes; values of options without numbers as they are.
    fn fit<'a>(&self, value: &'a str) -> Result<Cow<'a, str>, BrokerError> {
        let Some(Numbers { java, here }) = self.numbers else {
            return Ok(value.into());
        };
        let number = value.trim().parse::<i64>().ok();
        let number = number.filter(|number| java.0 <= *number && *number <= java.1);
        let number = number.ok_or_else(|| {
            let advice = format!("it must be a number from {} to {}", java.0, java.1);
            bad(self.name, value, &advice)
        })?;
        let used = number.max(here.0).min(here.1);
        if used != number {
            tracing::info!(
                option = self.name,
                "{number} is replaced with {used}, the nearest number that librdkafka takes"
            );
        }
        Ok(used.to_string().into())
    }
}

/// All options of the Java clients, by name.
#[must_use]
pub fn options() -> &'static [ClientOption] {
    &table::OPTIONS
}

/// The kind of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    Consumer,
    Producer,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Consumer => "consumer",
            Self::Producer => "producer",
        }
    }

    fn has(self, option: &ClientOption) -> bool {
        match self {
            Self::Admin => option.is_for_admins(),
            Self::Consumer => option.is_for_consumers(),
            Self::Producer => option.is_for_producers(),
        }
    }
}

/// The prefix of options that are passed to librdkafka as they are.
const NATIVE: &str = "librdkafka.";

/// Options that mean something else in the configuration of a worker.
const WORKERS_OWN: [&str; 4] = [
    "client.id",
    "group.id",
    "heartbeat.interval.ms",
    "session.timeout.ms",
];

/// Options of librdkafka, and those that this crate reads itself.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) config: ClientConfig,
    pub(crate) request_timeout: Duration,
    pub(crate) api_timeout: Duration,
    pub(crate) max_block: Duration,
    pub(crate) metadata_max_age: Option<Duration>,
    pub(crate) max_poll_records: Option<usize>,
    pub(crate) max_poll_interval: Option<Duration>,
    pub(crate) buffer_memory: Option<usize>,
    pub(crate) max_record_bytes: usize,
    pub(crate) linger: Duration,
    pub(crate) group: Option<String>,
    pub(crate) start: Option<StartOffset>,
    pub(crate) isolation: Option<Isolation>,
    pub(crate) exclude_internal_topics: bool,
}

impl Settings {
    fn new() -> Self {
        Self {
            config: ClientConfig::new(),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            max_block: Duration::from_secs(60),
            metadata_max_age: None,
            max_poll_records: None,
            max_poll_interval: None,
            buffer_memory: None,
            // As in Java; librdkafka's own default is a little less.
            max_record_bytes: 1_048_576,
            linger: Duration::from_millis(5),
            group: None,
            start: None,
            isolation: None,
            exclude_internal_topics: true,
        }
    }

    /// The number that an option of librdkafka is set to.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.config.get(name)?.parse().ok()
    }

    /// Sets an option of librdkafka unless the user has set it.
    pub(crate) fn set_default(&mut self, name: &str, value: impl Into<String>) {
        if self.config.get(name).is_none() {
            self.config.set(name, value);
        }
    }
}

/// Translates the options of a client: those that all clients of the broker share, overridden by
/// its own.
///
/// A connector's client of another cluster gets only its own, so that it does not send the worker's
/// password there.
pub(crate) fn translate(
    role: Role,
    shared: &ConfigMap,
    own: &ConfigMap,
) -> Result<Settings, BrokerError> {
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    let is_elsewhere = role != Role::Admin
        && own
            .get("bootstrap.servers")
            .is_some_and(|servers| shared.get("bootstrap.servers") != Some(servers));
    if is_elsewhere {
        login::warn_of_missing(role, shared, own);
    }
    let shared = shared
        .iter()
        .filter(|(name, _)| !is_elsewhere && !WORKERS_OWN.contains(name));
    for (name, value) in shared.chain(own) {
        match value {
            // Java trims them as well.
            Some(value) => given.insert(name, value.trim()),
            None => given.remove(name),
        };
    }
    let mut settings = Settings::new();
    for (&name, &value) in &given {
        if let Some(native) = name.strip_prefix(NATIVE) {
            settings.config.set(native, value);
            continue;
        }
        let Some(option) = find(name) else {
            // The shared options are a worker's whole configuration, most of it not about clients.
            if own.contains_key(name) {
                warn_of_unknown(name);
            }
            continue;
        };
        if !role.has(option) {
            continue;
        }
        let value = &*option.fit(value)?;
        match option.treatment {
            Treatment::Ignored => log_ignored(option, value),
            Treatment::Translated => translated::apply(role, name, value, &given, &mut settings)?,
            Treatment::Refused if value.is_empty() => {}
            Treatment::Refused => {
                return Err(BrokerError::InvalidOption(format!(
                    "{name}: {}",
                    option.note
                )));
            }
            Treatment::Renamed(native) => {
                settings.config.set(native, value);
            }
            Treatment::Same => {
                settings.config.set(name, value);
            }
        }
        translated::read(name, value, &mut settings)?;
    }
    Ok(settings)
}

fn find(name: &str) -> Option<&'static ClientOption> {
    let options = options();
    let index = options
        .binary_search_by(|option| option.name.cmp(name))
        .ok()?;
    options.get(index)
}

fn bad(name: &str, value: &str, advice: &str) -> BrokerError {
    BrokerError::InvalidOption(format!("{name} is \"{value}\"; {advice}"))
}

fn warn_of_unknown(name: &str) {
    match likely(name) {
        Some(likely) => {
            tracing::warn!(
                option = name,
                "unknown client option, which is ignored; did you mean {likely}?"
            );
        }
        None => tracing::warn!(option = name, "unknown client option, which is ignored"),
    }
}

/// The option that was probably meant.
fn likely(name: &str) -> Option<&'static str> {
    closest(name, options().iter().map(|option| option.name))
}

fn log_ignored(option: &ClientOption, value: &str) {
    // Byte serializers and empty lists are what the worker does anyway.
    let harmless = value.is_empty() || value.contains("ByteArray");
    if !harmless {
        tracing::info!(
            option = option.name,
            "this client option is ignored: {}",
            option.note
        );
    }
}

#[cfg(test)]
mod tests;

pub(crate) use self::shared::SharedOptions;
