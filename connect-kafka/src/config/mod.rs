//! Client options as Kafka users write them, in the words of librdkafka.
//!
//! Users know the names of Kafka's Java clients. Each of them is in one table, which says what
//! becomes of it; [`options`] shows it, and `docs/client-options.md` is made from it. An option that
//! is not in it is warned of, with the likely name. Options of librdkafka itself are reached with
//! the prefix `librdkafka.`, such as `librdkafka.debug`.

mod build;
mod jaas;
mod own;
mod pair;
mod store;
mod table;

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

use crate::producer::linger::DEFAULT_LINGER;

/// What becomes of an option of the Java clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Treatment {
    /// It has no effect, which is noted in the log.
    Ignored,
    /// It is read here: its note says how.
    Own,
    /// It is an error.
    Refused,
    /// It is handed on under another name.
    Renamed(&'static str),
    /// It is handed on as it is.
    Same,
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored => f.write_str("ignored with notice"),
            Self::Own => f.write_str("translated"),
            Self::Refused => f.write_str("refused"),
            Self::Renamed(name) => write!(f, "translated: `{name}`"),
            Self::Same => f.write_str("same name"),
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
    /// More about that, or why; may be empty.
    pub note: &'static str,
    numbers: Option<Numbers>,
}

/// The numbers that an option may be.
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

    /// The numbers that have an effect, where Java takes more: those are used as the nearest of
    /// these.
    #[must_use]
    pub fn range(&self) -> Option<RangeInclusive<i64>> {
        let Numbers { java, here } = self.numbers?;
        (java != here).then_some(here.0..=here.1)
    }

    /// A number that Java takes as the nearest one that has an effect; other values as they are.
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
            tracing::info!(option = self.name, "{number} is used as {used}");
        }
        Ok(used.to_string().into())
    }
}

/// All options of the Java clients, by name.
#[must_use]
pub fn options() -> &'static [ClientOption] {
    table::OPTIONS
}

/// The kind of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Admin,
    Consumer,
    Producer,
}

impl Role {
    fn has(self, option: &ClientOption) -> bool {
        match self {
            Self::Admin => option.is_for_admins(),
            Self::Consumer => option.is_for_consumers(),
            Self::Producer => option.is_for_producers(),
        }
    }
}

/// The prefix of options that are handed to librdkafka as they are.
const NATIVE: &str = "librdkafka.";

/// Options that mean something else in the configuration of a worker.
const WORKERS_OWN: [&str; 4] = [
    "client.id",
    "group.id",
    "heartbeat.interval.ms",
    "session.timeout.ms",
];

/// Options in librdkafka's words, and those that this crate follows itself.
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
            linger: DEFAULT_LINGER,
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

    /// Sets an option of librdkafka unless the user has.
    pub(crate) fn set_default(&mut self, name: &str, value: impl Into<String>) {
        if self.config.get(name).is_none() {
            self.config.set(name, value);
        }
    }
}

/// Translates the options of a client: those of all clients of the broker, then its own, which win.
///
/// A connector's client of another cluster gets its own only: a login is not for strangers.
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
        warn_of_login(role, shared, own);
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
            // What all clients share is a worker's whole configuration, mostly not about clients.
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
            Treatment::Ignored => notice(option, value),
            Treatment::Own => own::apply(role, name, value, &given, &mut settings)?,
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
        own::follow(name, value, &mut settings)?;
    }
    Ok(settings)
}

fn find(name: &str) -> Option<&'static ClientOption> {
    let index = table::OPTIONS
        .binary_search_by(|option| option.name.cmp(name))
        .ok()?;
    table::OPTIONS.get(index)
}

fn bad(name: &str, value: &str, advice: &str) -> BrokerError {
    BrokerError::InvalidOption(format!("{name} is {value:?}; {advice}"))
}

/// Says which options of the worker's login a client of another cluster lacks.
fn warn_of_login(role: Role, shared: &ConfigMap, own: &ConfigMap) {
    let missing = missing_login(shared, own);
    if !missing.is_empty() && !own.contains_key("security.protocol") {
        let kind = format!("{role:?}").to_lowercase();
        tracing::warn!(
            "the {kind} has bootstrap.servers of its own, and so nothing of the worker's {}; if \
             that cluster needs a login, set {kind}.override.security.protocol and the like",
            missing.join(", ")
        );
    }
}

/// Says so where connectors log in as the worker, which they do not in Java.
pub(crate) fn tell_of_login(options: &ConfigMap) {
    for kind in ["consumer", "producer"] {
        let own = options.with_prefix(&format!("{kind}."));
        let shared = missing_login(options, &own);
        if !shared.is_empty() && !own.contains_key("security.protocol") {
            tracing::info!(
                "the login of the worker is that of connectors' {kind}s, too, as there is no \
                 {kind}.security.protocol: {}",
                shared.join(", ")
            );
        }
    }
}

fn missing_login<'a>(shared: &'a ConfigMap, own: &ConfigMap) -> Vec<&'a str> {
    let is_login = |name: &str| {
        ["security.", "sasl.", "ssl."]
            .iter()
            .any(|p| name.starts_with(p))
    };
    let names = shared.iter().map(|(name, _)| name);
    names
        .filter(|name| is_login(name) && !own.contains_key(name))
        .collect()
}

fn warn_of_unknown(name: &str) {
    match likely(name) {
        Some(likely) => {
            tracing::warn!(
                option = name,
                "unknown client option; did you mean {likely}?"
            );
        }
        None => tracing::warn!(option = name, "unknown client option"),
    }
}

/// The option that was probably meant.
fn likely(name: &str) -> Option<&'static str> {
    closest(name, table::OPTIONS.iter().map(|option| option.name))
}

fn notice(option: &ClientOption, value: &str) {
    // The worker's own byte serializers and empty lists change nothing.
    let harmless = value.is_empty() || value.contains("ByteArray");
    if !harmless {
        tracing::info!(
            option = option.name,
            "the client option is ignored: {}",
            option.note
        );
    }
}

#[cfg(test)]
mod tests;
