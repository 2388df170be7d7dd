//! Opening administrative clients.
//!
//! They are consumers without a group: librdkafka lets producers create the topics that they ask
//! about, where the cluster allows that, and consumers not.

use std::sync::Arc;

use connect_api::ConfigMap;
use connect_broker::AdminOptions;
use connect_broker::BrokerError;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaType;

use super::KafkaAdmin;
use super::groups::Groups;
use crate::client::CallbackThread;
use crate::client::call;
use crate::client::open as open_client;
use crate::client::timeouts;
use crate::config::Role;
use crate::config::Settings;
use crate::config::SharedOptions;
use crate::error::Subject;
use crate::ffi::Client;
use crate::ffi::Failure;

/// Opens an administrative client.
pub(crate) fn open(
    shared: &SharedOptions,
    options: AdminOptions,
) -> Result<KafkaAdmin, BrokerError> {
    let AdminOptions {
        client_id,
        client_config,
        ..
    } = options;
    let settings = shared.settings(Role::Admin, &client_config, &client_id)?;
    let (client, thread) = connect(&settings)?;
    let timeouts = timeouts(&settings);
    Ok(KafkaAdmin {
        client,
        timeouts,
        options: shared.with(&client_config),
        groups: Groups::new(settings, timeouts),
        _thread: thread,
    })
}

/// Asks a cluster for its id, with a client that is opened for this.
pub(crate) async fn cluster_id(shared: &SharedOptions) -> Result<String, BrokerError> {
    let settings = shared.settings(Role::Admin, &ConfigMap::new(), "")?;
    let (client, thread) = connect(&settings)?;
    let timeout = settings.request_timeout;
    let id = call(&client, Subject::Cluster, move |client| {
        let problem = || Failure::new(Code::OperationTimedOut, "the cluster does not answer");
        client.fetch_cluster_id(timeout).ok_or_else(problem)
    })
    .await;
    drop(client);
    drop(thread);
    id
}

fn connect(settings: &Settings) -> Result<(Arc<Client>, CallbackThread), BrokerError> {
    let client = open_client(RDKafkaType::RD_KAFKA_CONSUMER, settings, None)?;
    let thread = CallbackThread::start(&client)?;
    Ok((client, thread))
}
