//! Notices about options that have no effect.
//!
//! The rule: each plugin's [`ConfigDef`] says which options it has. A key is *unknown* if neither
//! the worker nor the plugin that its prefix belongs to has it. A plugin that takes options which
//! it cannot list declares their prefix with [`ConfigDef::open`]; keys below it are never unknown.
//! Client options are checked by the client, not here.

mod connector;
mod known;
mod plugin;
mod topics;
mod worker;

use std::fmt;

use connect_api::ConfigMap;
use connect_api::PluginRegistry;
#[cfg(doc)]
use connect_api::config::ConfigDef;

use crate::config::WorkerConfig;

pub use connector::connector_notices;
pub use worker::worker_notices;

/// An option that has no effect, and why.
///
/// `Display` is one line that names the option and, where there is one, the option that was
/// probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The key of the option, with all prefixes.
    pub key: String,
    /// Why it has no effect.
    pub kind: NoticeKind,
}

/// Why an option has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoticeKind {
    /// Kafka Connect has the option, and it means nothing here. All other kinds are warnings.
    Ignored {
        /// Why it means nothing.
        reason: &'static str,
    },
    /// An earlier release of Kafka Connect had the option.
    Removed {
        /// The release that removed it.
        release: &'static str,
        /// The key that replaced it.
        replacement: String,
    },
    /// Nothing reads this key.
    Unknown {
        /// The class of the plugin that the prefix belongs to, if it belongs to one.
        class: Option<String>,
        /// The key that was probably meant.
        likely: Option<String>,
    },
    /// The key is known, but what it configures is not used.
    Unused {
        /// Why it is not used.
        reason: String,
    },
}

impl Notice {
    /// True if the configuration probably does not do what was meant.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        !matches!(self.kind, NoticeKind::Ignored { .. })
    }

    fn new(key: impl Into<String>, kind: NoticeKind) -> Self {
        let key = key.into();
        Self { key, kind }
    }

    fn unused(key: impl Into<String>, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::new(key, NoticeKind::Unused { reason })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "option \"{}\" ", self.key)?;
        match &self.kind {
            NoticeKind::Ignored { reason } => write!(f, "is ignored: {reason}"),
            NoticeKind::Removed {
                release,
                replacement,
            } => {
                write!(
                    f,
                    "is ignored: it was removed in {release}; use \"{replacement}\""
                )
            }
            NoticeKind::Unknown { class, likely } => {
                f.write_str("is unknown")?;
                if let Some(class) = class {
                    write!(f, " to {class}")?;
                }
                f.write_str(" and ignored")?;
                match likely {
                    Some(likely) => write!(f, "; did you mean \"{likely}\"?"),
                    None => Ok(()),
                }
            }
            NoticeKind::Unused { reason } => write!(f, "has no effect: {reason}"),
        }
    }
}

/// Logs the notices of a worker's configuration.
pub(crate) fn log_worker(registry: &PluginRegistry, worker: &WorkerConfig) {
    for notice in worker_notices(registry, worker.raw()) {
        if notice.is_warning() {
            tracing::warn!(target: LOG_TARGET, "worker configuration: {notice}");
        } else {
            tracing::info!(target: LOG_TARGET, "worker configuration: {notice}");
        }
    }
}

/// Logs the notices of a connector's configuration.
pub(crate) fn log_connector(
    registry: &PluginRegistry,
    worker: Option<&WorkerConfig>,
    config: &ConfigMap,
) {
    let name = config.get("name").unwrap_or_default();
    for notice in connector_notices(registry, worker, config) {
        if notice.is_warning() {
            tracing::warn!(target: LOG_TARGET, connector = name, "{notice}");
        } else {
            tracing::info!(target: LOG_TARGET, connector = name, "{notice}");
        }
    }
}

/// The `tracing` target of notices, for hosts that show them in another way.
const LOG_TARGET: &str = "connect_runtime::notices";
