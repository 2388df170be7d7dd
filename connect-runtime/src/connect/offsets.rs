//! Offsets of connectors: looked at, changed and reset.

use std::collections::BTreeMap;

use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_core::ConnectorName;
use connect_core::herder::HerderError;
use connect_core::herder::OffsetChange;
use connect_core::herder::Operation;
use connect_core::herder::Response;

use crate::Connect;

/// The committed offsets of a connector.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ConnectorOffsets {
    /// Of the consumer group of a sink.
    Sink(LogOffsets),
    /// Of a source.
    Source(Vec<(SourcePartition, SourceOffset)>),
}

impl Connect {
    /// The committed offsets of a source connector, as this worker knows them; also after a shutdown.
    #[must_use]
    pub fn source_offsets(&self, name: &str) -> Vec<(SourcePartition, SourceOffset)> {
        self.worker.known_offsets(name)
    }

    /// The committed offsets of a connector.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`]; [`HerderError::OffsetsNotRead`] if the log cannot be asked, or
    /// does not answer within the time of the handle.
    pub async fn offsets(
        &self,
        name: impl Into<ConnectorName>,
    ) -> Result<ConnectorOffsets, HerderError> {
        let name = name.into();
        let config = self.config(name.clone()).await?;
        let read = self.worker.read_offsets(name.clone(), config);
        let read = tokio::time::timeout(self.timeout, read).await;
        let failure = match read {
            Ok(Ok(offsets)) => return Ok(offsets),
            Ok(Err(error)) => connect_core::Failure::from(error),
            Err(_) => connect_core::Failure::overdue("the log has not answered in time"),
        };
        Err(HerderError::OffsetsNotRead { name, failure })
    }

    /// Changes offsets of a source connector that is STOPPED; `None` forgets the partition. Its plugin
    /// is asked. Returns whether the plugin knows the new offsets: if not, a system that keeps offsets
    /// outside Connect must be changed by hand.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`]; [`HerderError::OffsetsInUse`]; [`HerderError::OffsetsRefused`].
    pub async fn alter_source_offsets(
        &self,
        name: impl Into<ConnectorName>,
        offsets: Vec<(SourcePartition, Option<SourceOffset>)>,
    ) -> Result<bool, HerderError> {
        self.alter(name.into(), OffsetChange::Source(offsets)).await
    }

    /// Changes offsets of the consumer group of a sink connector that is STOPPED; `None` forgets the
    /// partition.
    ///
    /// # Errors
    /// As [`alter_source_offsets`](Connect::alter_source_offsets).
    pub async fn alter_sink_offsets(
        &self,
        name: impl Into<ConnectorName>,
        offsets: BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool, HerderError> {
        self.alter(name.into(), OffsetChange::Sink(offsets)).await
    }

    /// Forgets all offsets of a connector that is STOPPED.
    ///
    /// # Errors
    /// As [`alter_source_offsets`](Connect::alter_source_offsets).
    pub async fn reset_offsets(&self, name: impl Into<ConnectorName>) -> Result<bool, HerderError> {
        self.alter(name.into(), OffsetChange::Reset).await
    }

    async fn alter(&self, name: ConnectorName, change: OffsetChange) -> Result<bool, HerderError> {
        match self
            .request(Operation::AlterOffsets { name, change })
            .await?
        {
            Response::OffsetsAltered { known_to_connector } => Ok(known_to_connector),
            _ => Ok(false),
        }
    }
}
