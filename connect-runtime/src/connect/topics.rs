//! The topics that connectors use (KIP-558).

use connect_core::ConnectorName;
use connect_core::herder::HerderError;

use crate::Connect;

impl Connect {
    /// The topics that a connector has read or written since it was created or since they were last
    /// forgotten, by name. None for an unknown connector, as in Java.
    ///
    /// # Errors
    /// [`HerderError::TopicTrackingDisabled`].
    pub fn active_topics(&self, name: &str) -> Result<Vec<String>, HerderError> {
        if !self.worker.config.topic_tracking() {
            return Err(HerderError::TopicTrackingDisabled);
        }
        Ok(self.worker.statuses.active_topics(name))
    }

    /// Forgets the topics that a connector has used. Those that it uses from now on are recorded
    /// again.
    ///
    /// # Errors
    /// [`HerderError::TopicTrackingDisabled`]; [`HerderError::TopicTrackingResetDisabled`].
    pub fn reset_active_topics(&self, name: impl Into<ConnectorName>) -> Result<(), HerderError> {
        if !self.worker.config.topic_tracking() {
            return Err(HerderError::TopicTrackingDisabled);
        }
        if !self.worker.config.topic_tracking_reset() {
            return Err(HerderError::TopicTrackingResetDisabled);
        }
        self.worker.statuses.reset_active_topics(&name.into());
        Ok(())
    }
}
