//! Options that depend on one another.

use super::Settings;

impl Settings {
    /// Sets how long to wait before connecting again, with Java's defaults. As in Java, one of the
    /// two options alone is the value of both. With librdkafka's default of up to 10 seconds, a
    /// broker that was away for a few seconds would be found up to 10 seconds late.
    pub(crate) fn reconnect_soon(&mut self) {
        let base = self.number("reconnect.backoff.ms");
        let max = self.number("reconnect.backoff.max.ms").or(base);
        let max = max.unwrap_or(1_000);
        let base = base.unwrap_or(50).min(max);
        self.config.set("reconnect.backoff.ms", base.to_string());
        self.config.set("reconnect.backoff.max.ms", max.to_string());
    }

    /// Limits how long records and requests wait to the time-out of their transaction.
    pub(crate) fn bound_by_transaction(&mut self) {
        let transaction = self.number("transaction.timeout.ms").unwrap_or(60_000);
        for name in ["delivery.timeout.ms", "message.timeout.ms"] {
            if self.number(name).is_some_and(|own| own > transaction) {
                self.config.set(name, transaction.to_string());
            }
        }
        // librdkafka does the same if neither is set: time is left to repeat a request.
        let bound = transaction.saturating_sub(100).max(900);
        let request = self.number("socket.timeout.ms").unwrap_or(60_000);
        let request = request.min(bound).to_string();
        self.config.set("socket.timeout.ms", request);
    }
}
