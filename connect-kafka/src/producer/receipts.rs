//! The stream of receipts of one producer.

use std::sync::Arc;

use async_trait::async_trait;
use connect_api::TopicName;
use connect_broker::BrokerError;
use connect_broker::Receipt;
use connect_broker::Receipts;

use super::ledger::Ledger;
use crate::client::blocking;
use crate::ffi;
use crate::ffi::AdminTimeouts;

/// The stream of receipts of one producer.
pub(crate) struct KafkaReceipts {
    ledger: Arc<Ledger>,
    timeouts: AdminTimeouts,
    /// Receipts that were taken from the ledger and not returned yet.
    pending: Vec<Receipt>,
}

impl KafkaReceipts {
    pub(super) fn new(ledger: Arc<Ledger>, timeouts: AdminTimeouts) -> Self {
        Self {
            ledger,
            timeouts,
            pending: Vec::new(),
        }
    }

    /// Asks the cluster for the limits by which it refused records: its refusals do not name them.
    async fn complete(&mut self) {
        while let Some(topic) = self.pending.iter().find_map(topic_of_unknown_limit) {
            let limit = self.limit_of(&topic).await;
            for receipt in &mut self.pending {
                if let Err(BrokerError::RecordTooLarge {
                    topic: other,
                    size,
                    limit: own @ 0,
                }) = &mut receipt.outcome
                    && *other == topic
                {
                    *own = limit;
                    if *size <= limit {
                        receipt.outcome = Err(batch_too_large(&topic, limit));
                    }
                }
            }
        }
    }

    async fn limit_of(&self, topic: &TopicName) -> usize {
        // Without an answer, the client's own limit is the best guess.
        let guess = self.ledger.max_record_bytes;
        let Some(client) = self.ledger.client() else {
            return guess;
        };
        let (name, timeouts) = (topic.clone(), self.timeouts);
        let config = blocking(move || ffi::topic_config(&client, &name, timeouts)).await;
        let limit = config
            .ok()
            .and_then(|config| config.get("max.message.bytes")?.parse().ok());
        limit.filter(|limit| *limit > 0).unwrap_or(guess)
    }
}

/// The error of a small record that was refused together with its batch. That happens only if the
/// topic's limit was not known when the batch was sent.
fn batch_too_large(topic: &TopicName, limit: usize) -> BrokerError {
    BrokerError::Rejected(format!(
        "topic \"{topic}\" takes batches of at most {limit} bytes, and the record was refused with \
         its batch; set the client option batch.size to less than that"
    ))
}

/// The topic of a receipt whose record is larger than a limit that is not known yet.
fn topic_of_unknown_limit(receipt: &Receipt) -> Option<TopicName> {
    match &receipt.outcome {
        Err(BrokerError::RecordTooLarge {
            topic, limit: 0, ..
        }) => Some(topic.clone()),
        _ => None,
    }
}

#[async_trait]
impl Receipts for KafkaReceipts {
    async fn next(&mut self) -> Option<Vec<Receipt>> {
        loop {
            // If this future is dropped, `pending` keeps the receipts.
            self.complete().await;
            if !self.pending.is_empty() {
                return Some(std::mem::take(&mut self.pending));
            }
            match self.ledger.take() {
                Some(receipts) if receipts.is_empty() => {
                    // Cancel-safe: a notification that nobody waits for is kept.
                    self.ledger.receipts_ready().await;
                }
                Some(receipts) => self.pending = receipts,
                None => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn receipts_end_after_the_last_one() {
        let ledger = Arc::new(Ledger::new(None, 1_000));
        let timeouts = AdminTimeouts {
            request: std::time::Duration::ZERO,
            operation: std::time::Duration::ZERO,
        };
        let mut receipts = KafkaReceipts::new(Arc::clone(&ledger), timeouts);
        ledger.refuse(3..5, &BrokerError::Closed);
        ledger.end();
        let some = receipts.next().await.unwrap();
        assert_eq!(some.len(), 1);
        assert_eq!(some[0].tokens, 3..5);
        assert!(receipts.next().await.is_none());
    }
}
