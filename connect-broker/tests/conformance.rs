//! The conformance suite against both in-process logs.

mod memory {
    use std::sync::Arc;

    use connect_broker::Broker;
    use connect_broker::LocalBroker;

    async fn open() -> Arc<dyn Broker> {
        Arc::new(LocalBroker::memory())
    }

    connect_testkit::broker_conformance!(open);
}
