//! Options of which librdkafka compares one with another.

use super::Settings;

impl Settings {
    /// How long to wait before connecting again, as in Java: a value alone is for both. With
    /// librdkafka's 10 seconds, a broker that is back after some seconds would be noticed as much
    /// later again.
    pub(crate) fn reconnect_soon(&mut self) {
        let base = self.number("reconnect.backoff.ms");
        let max = self.number("reconnect.backoff.max.ms").or(base);
        let max = max.unwrap_or(1_000);
        let base = base.unwrap_or(50).min(max);
        self.config.set("reconnect.backoff.ms", base.to_string());
        self.config.set("reconnect.backoff.max.ms", max.to_string());
    }

    /// Neither records nor requests must wait for longer than the transaction that they belong to.
    pub(crate) fn bound_by_transaction(&mut self) {
        let transaction = self.number("transaction.timeout.ms").unwrap_or(60_000);
        for name in ["delivery.timeout.ms", "message.timeout.ms"] {
            if self.number(name).is_some_and(|own| own > transaction) {
                self.config.set(name, transaction.to_string());
            }
        }
        // As librdkafka has it where neither is set, so that a request can still be repeated.
        let bound = transaction.saturating_sub(100).max(900);
        let request = self.number("socket.timeout.ms").unwrap_or(60_000);
        let request = request.min(bound).to_string();
        self.config.set("socket.timeout.ms", request);
    }
}
