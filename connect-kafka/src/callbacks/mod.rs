//! What callbacks of librdkafka reach: the log of the host, and the client they belong to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use rdkafka::ClientContext;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::watch;

use crate::producer::receipts::Ledger;

/// The receiver of a client's callbacks. They run on threads of the client and must be short.
pub(crate) struct Context {
    /// `client.id`, for the log of the host.
    client: String,
    /// Set for producers.
    ledger: Option<Arc<Ledger>>,
    /// Changes of a consumer's assignment that nobody has seen to yet.
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
    /// The group does not know this member any more.
    ousted: AtomicBool,
    /// Why the cluster cannot be spoken to, when that will not heal by itself.
    denied: watch::Sender<Option<BrokerError>>,
    trouble: Mutex<Trouble>,
}

#[derive(Default)]
struct Trouble {
    /// What is wrong with the certificate that was seen last.
    certificate: Option<String>,
    /// The last thing that went wrong with a connection.
    last: Option<String>,
    /// When that was last worth more than a line for debugging.
    told: Option<Instant>,
}

/// The fate of one record.
pub(crate) struct Delivered<'a> {
    pub(crate) token: u64,
    pub(crate) error: Option<Code>,
    /// Equal for records of the same topic of a client.
    pub(crate) topic_id: usize,
    /// Its name; asked for once per topic.
    pub(crate) topic: &'a dyn Fn() -> &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Bytes of key and value.
    pub(crate) size: usize,
}

/// A change of a consumer's assignment that waits for its call of assign or unassign.
#[derive(Debug)]
pub(crate) struct Rebalance {
    /// Partitions come; else they go.
    pub(crate) assign: bool,
    /// They are gone already.
    pub(crate) lost: bool,
    /// Only these change; else they are the whole assignment.
    pub(crate) cooperative: bool,
    pub(crate) partitions: Vec<TopicPartition>,
}

/// All callbacks that matter are set on the handle itself, in `ffi`.
impl ClientContext for Context {}

impl Context {
    pub(crate) fn new(client: impl Into<String>, ledger: Option<Arc<Ledger>>) -> Self {
        Self {
            client: client.into(),
            ledger,
            rebalances: Mutex::default(),
            closing: AtomicBool::new(false),
            ousted: AtomicBool::new(false),
            denied: watch::Sender::new(None),
            trouble: Mutex::default(),
        }
    }

    /// What tells of refusals that come after this call.
    pub(crate) fn refusals(&self) -> watch::Receiver<Option<BrokerError>> {
        let mut denied = self.denied.subscribe();
        denied.mark_unchanged();
        denied
    }

    /// Waits for a refusal that comes after this call.
    pub(crate) async fn denied(&self) -> BrokerError {
        let mut denied = self.refusals();
        loop {
            // The sender lives as long as `self`, so this fails never.
            if denied.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if let Some(error) = denied.borrow_and_update().clone() {
                return error;
            }
        }
    }

    /// Makes sense of "it took too long" by what went wrong meanwhile.
    pub(crate) fn explain(&self, what: &str) -> BrokerError {
        match &self.trouble().last {
            Some(last) => BrokerError::Unavailable(format!("{what}; last problem: {last}")),
            None => BrokerError::Unavailable(what.to_owned()),
        }
    }

    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }

    /// The client is about to end: from now on changes of the assignment are carried out without
    /// asking, and nobody waits for coordinators any more.
    pub(crate) fn set_closing(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Notes whether the group still knows this member: if not, its partitions are lost.
    pub(crate) fn set_ousted(&self, ousted: bool) {
        self.ousted.store(ousted, Ordering::Relaxed);
    }

    pub(crate) fn is_ousted(&self) -> bool {
        self.ousted.load(Ordering::Relaxed)
    }

    pub(crate) fn on_rebalance(&self, rebalance: Rebalance) {
        lock(&self.rebalances).push_back(rebalance);
    }

    pub(crate) fn on_delivered(&self, delivered: &Delivered<'_>) {
        if let Some(ledger) = &self.ledger {
            ledger.delivered(delivered);
        }
    }

    pub(crate) fn on_log(&self, level: i32, facility: &str, line: &str) {
        let client = self.client.as_str();
        match level {
            // Lost connections, of which `on_error` tells as well.
            5 | 6 if facility == "FAIL" => {
                tracing::debug!(target: "librdkafka", client, facility, "{line}");
            }
            ..=4 => tracing::warn!(target: "librdkafka", client, facility, "{line}"),
            5 | 6 => tracing::info!(target: "librdkafka", client, facility, "{line}"),
            _ => tracing::debug!(target: "librdkafka", client, facility, "{line}"),
        }
    }

    /// Notes why a certificate was refused: librdkafka itself only says that it was.
    pub(crate) fn on_bad_certificate(&self, broker: &str, problem: String) {
        tracing::debug!(client = self.client, broker, problem, "certificate refused");
        self.trouble().certificate = Some(problem);
    }

    /// `was_let_in`: the cluster has accepted the client before.
    pub(crate) fn on_error(&self, code: Code, reason: String, was_let_in: bool) {
        let client = self.client.as_str();
        let denial = match code {
            Code::Authentication | Code::SaslAuthenticationFailed => {
                let broke = broke(&reason) || (was_let_in && lacks_token(&reason));
                (!broke).then(|| BrokerError::Authentication(password_problem(&reason)))
            }
            Code::SSL => self.tls_problem(&reason).map(BrokerError::Tls),
            _ => None,
        };
        match denial {
            Some(error) => {
                tracing::warn!(client, %error, "the cluster does not accept the client");
                self.trouble().last = Some(error.to_string());
                self.denied.send_replace(Some(error));
            }
            None => {
                let mut trouble = self.trouble();
                if trouble.told.is_none_or(|told| told.elapsed() > TELL_AGAIN) {
                    trouble.told = Some(Instant::now());
                    tracing::info!(client, %code, reason, "connection problem");
                } else {
                    tracing::debug!(client, %code, reason, "connection problem");
                }
                trouble.last = Some(reason);
            }
        }
    }

    /// What is wrong with TLS, unless the connection merely broke.
    fn tls_problem(&self, reason: &str) -> Option<String> {
        let host = reason.split(": ").next().unwrap_or_default();
        if let Some(problem) = self.trouble().certificate.take() {
            return Some(format!("{host}: {problem}"));
        }
        (!broke(reason)).then(|| reason.to_owned())
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        lock(&self.trouble)
    }
}

/// A cluster that is away is a problem several times a second; how long it is told of once only.
const TELL_AGAIN: Duration = Duration::from_secs(30);

/// True if a connection merely broke while it was made: librdkafka gives that the code of the step
/// that it was at.
fn broke(reason: &str) -> bool {
    let texts = [
        "Disconnected",
        "onnection reset",
        "timed out",
        // A system call failed: a broken pipe, no route to the host.
        "SSL transport error: ",
        "unexpected eof",
        // What was asked was not answered.
        "handshake failed: Local: Broker transport failure",
        "handshake failed: Local: Timed out",
    ];
    texts.iter().any(|text| reason.contains(text))
}

/// True if the issuer of OAUTHBEARER tokens gave none, which says nothing about the cluster.
fn lacks_token(reason: &str) -> bool {
    let texts = [
        "Failed to acquire SASL OAUTHBEARER token",
        "there is no token available",
    ];
    texts.iter().any(|text| reason.contains(text))
}

/// Says plainly what brokers say in several ways.
fn password_problem(reason: &str) -> String {
    let wrong = ["Invalid username or password", "invalid credentials"];
    if wrong.iter().any(|text| reason.contains(text)) {
        format!("wrong user name or password ({reason})")
    } else {
        reason.to_owned()
    }
}

/// What OpenSSL's code for a bad certificate means.
pub(crate) fn certificate_problem(code: i32, broker: &str) -> String {
    match code {
        9 => "the broker's certificate is not valid yet; check the clocks".into(),
        10 => "the broker's certificate has expired".into(),
        2 | 18..=21 => {
            "the broker's certificate is not trusted: no authority of the truststore signed it"
                .into()
        }
        62 | 64 => format!("the broker's certificate belongs to another host than {broker}"),
        23 => "the broker's certificate was revoked".into(),
        other => format!("the broker's certificate is refused with OpenSSL's code {other}"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_connections_are_no_refusals() {
        let (sasl, tls) = (Code::Authentication, Code::SSL);
        let handshake = "SASL SCRAM-SHA-512 mechanism handshake failed: ";
        let hello = "SSL handshake failed: ";
        // Whether it is a refusal at first, and of a client that was let in before.
        let (never, always, at_first) = ([false, false], [true, true], [true, false]);
        let table = [
            (
                sasl,
                handshake,
                "Local: Broker transport failure: broker's",
                never,
            ),
            (
                sasl,
                handshake,
                "Local: Timed out: broker's supported",
                never,
            ),
            (
                sasl,
                handshake,
                "Broker: Unsupported SASL mechanism: b",
                always,
            ),
            (
                sasl,
                "SASL authentication error: ",
                "Authentication failed",
                always,
            ),
            (
                sasl,
                "Failed to acquire SASL OAUTHBEARER token: ",
                "HTTP",
                at_first,
            ),
            (
                sasl,
                "log in because there is no token available",
                "; last",
                at_first,
            ),
            (
                tls,
                hello,
                "SSL transport error: Broken pipe (after 2ms)",
                never,
            ),
            (tls, hello, "Disconnected: connection closed by peer", never),
            (
                tls,
                hello,
                "error:0A000126:SSL routines::unexpected eof while",
                never,
            ),
            (
                tls,
                hello,
                "error:0A00010B:SSL routines::wrong version",
                always,
            ),
        ];
        for (code, start, end, expected) in table {
            for (was_let_in, is_refusal) in [false, true].into_iter().zip(expected) {
                let context = Context::new("c", None);
                let refusals = context.refusals();
                let reason = format!("sasl_ssl://b:1/1: {start}{end}");
                context.on_error(code, reason.clone(), was_let_in);
                assert_eq!(refusals.has_changed().unwrap(), is_refusal, "{reason}");
            }
        }
    }
}
