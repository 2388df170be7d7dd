//! The options that all clients of a broker share.

use std::sync::Arc;

use connect_api::ConfigMap;
use connect_broker::BrokerError;

use super::Role;
use super::Settings;
use super::login;
use super::translate;

/// The options that all clients of a broker share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SharedOptions {
    options: Arc<ConfigMap>,
}

impl SharedOptions {
    /// Checks the options as those of an administrative client.
    pub(crate) fn new(options: ConfigMap) -> Result<Self, BrokerError> {
        if options.get("bootstrap.servers").is_none_or(str::is_empty) {
            return Err(BrokerError::InvalidOption(
                "bootstrap.servers is missing; set it to the host:port of one or more brokers"
                    .into(),
            ));
        }
        let shared = Self {
            options: Arc::new(options),
        };
        shared.settings(Role::Admin, &ConfigMap::new(), "")?;
        login::log_shared(&shared.options);
        Ok(shared)
    }

    pub(crate) fn bootstrap_servers(&self) -> &str {
        self.options.get("bootstrap.servers").unwrap_or_default()
    }

    /// These options with others, which override them.
    pub(crate) fn with(&self, own: &ConfigMap) -> Self {
        let mut options = ConfigMap::clone(&self.options);
        options.extend(own.clone());
        Self {
            options: Arc::new(options),
        }
    }

    /// The settings of a client with options of its own.
    pub(crate) fn settings(
        &self,
        role: Role,
        own: &ConfigMap,
        client_id: &str,
    ) -> Result<Settings, BrokerError> {
        let mut settings = translate(role, &self.options, own)?;
        settings.check_build()?;
        if !client_id.is_empty() {
            settings.set_default("client.id", client_id);
        }
        settings.set_default("socket.connection.setup.timeout.ms", "10000");
        settings.reconnect_soon();
        Ok(settings)
    }
}
