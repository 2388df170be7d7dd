//! Source offsets that live as long as the process.

use async_trait::async_trait;
use connect_api::Result;
use connect_api::Timestamp;
use connect_core::ConnectorName;

use crate::store::OffsetStore;
use crate::store::OffsetUpdate;
use crate::store::offsets::Known;

/// Source offsets that live as long as the process.
#[derive(Debug, Default)]
pub(crate) struct MemoryOffsets(Known);

#[async_trait]
impl OffsetStore for MemoryOffsets {
    fn known(&self) -> &Known {
        &self.0
    }

    async fn write(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        _: Timestamp,
    ) -> Result<()> {
        self.0.apply(connector, updates);
        Ok(())
    }
}
