//! The conformance suite against both in-process logs.

#[cfg(test)]
mod memory {
    use std::sync::Arc;

    use connect_broker::Broker;
    use connect_log::LocalBroker;

    async fn open() -> Arc<dyn Broker> {
        Arc::new(LocalBroker::memory())
    }

    connect_testkit::broker_conformance!(open);
}

#[cfg(test)]
mod durable {
    use std::sync::Arc;

    use async_trait::async_trait;
    use connect_broker::Admin;
    use connect_broker::AdminOptions;
    use connect_broker::Broker;
    use connect_broker::BrokerError;
    use connect_broker::Consumer;
    use connect_broker::ConsumerOptions;
    use connect_broker::Producer;
    use connect_broker::ProducerOptions;
    use connect_broker::Receipts;
    use connect_log::LocalBroker;
    use tempfile::TempDir;

    /// A log and its temporary folder, which is deleted with it.
    #[derive(Debug)]
    struct Scratch {
        log: LocalBroker,
        _folder: TempDir,
    }

    #[async_trait]
    impl Broker for Scratch {
        async fn cluster_id(&self) -> Result<String, BrokerError> {
            self.log.cluster_id().await
        }

        async fn admin(&self, options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError> {
            self.log.admin(options).await
        }

        async fn producer(
            &self,
            options: ProducerOptions,
        ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError> {
            self.log.producer(options).await
        }

        async fn consumer(
            &self,
            options: ConsumerOptions,
        ) -> Result<Box<dyn Consumer>, BrokerError> {
            self.log.consumer(options).await
        }
    }

    async fn open() -> Arc<dyn Broker> {
        let folder = tempfile::tempdir().unwrap();
        let log = LocalBroker::open(folder.path()).await.unwrap();
        Arc::new(Scratch {
            log,
            _folder: folder,
        })
    }

    connect_testkit::broker_conformance!(open);
}
