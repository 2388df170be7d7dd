//! Opening a client from its settings.

use std::sync::Arc;

use connect_broker::BrokerError;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaType;

use crate::callbacks::Context;
use crate::callbacks::Deliveries;
use crate::config::Settings;
use crate::ffi;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;

/// The `group.id` of clients without a group. librdkafka wants one; no coordinator ever sees it.
pub(crate) const NO_GROUP: &str = "connect-no-group";

/// Opens a client. Producers pass who is told the fate of their records.
pub(crate) fn open(
    kind: RDKafkaType,
    settings: &Settings,
    deliveries: Option<Arc<dyn Deliveries>>,
) -> Result<Arc<Client>, BrokerError> {
    // If librdkafka did this, OpenSSL would clean up at the end of the process, while threads of
    // librdkafka may still use it.
    openssl::init();
    let name = settings.config.get("client.id").unwrap_or_default();
    let context = Context::new(name, deliveries);
    ffi::open(kind, &settings.config, context).map_err(|error| open_error(&error))
}

/// Opening connects to nothing, so an error means that an option is wrong.
fn open_error(error: &KafkaError) -> BrokerError {
    let text = match error {
        KafkaError::ClientConfig(_, problem, ..) => problem.clone(),
        KafkaError::ClientCreation(problem) => problem.clone(),
        other => other.to_string(),
    };
    BrokerError::InvalidOption(text)
}

/// The limits of administrative requests.
pub(crate) fn timeouts(settings: &Settings) -> AdminTimeouts {
    AdminTimeouts {
        request: settings.request_timeout,
        operation: settings.api_timeout,
    }
}
