//! What goes wrong with a client's connections.
//!
//! Decision that lives here: which problems are a refusal by the cluster, such as a wrong password,
//! which waiting does not cure, and which are passing.

use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use connect_broker::BrokerError;
use connect_core::sync::lock;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::watch;

/// The connection problems of one client.
pub(super) struct Connection {
    /// The last refusal by the cluster.
    refusal: watch::Sender<Option<BrokerError>>,
    problems: Mutex<Problems>,
}

#[derive(Default)]
struct Problems {
    /// What is wrong with the certificate that was checked last.
    certificate: Option<String>,
    /// The last problem of any kind.
    last: Option<String>,
    /// When a problem was last logged at `info`.
    logged: Option<Instant>,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            refusal: watch::Sender::new(None),
            problems: Mutex::default(),
        }
    }
}

impl Connection {
    pub(super) fn refusals(&self) -> watch::Receiver<Option<BrokerError>> {
        let mut refusals = self.refusal.subscribe();
        refusals.mark_unchanged();
        refusals
    }

    pub(super) fn last_problem(&self) -> Option<String> {
        lock(&self.problems).last.clone()
    }

    pub(super) fn set_certificate_problem(&self, problem: &str) {
        lock(&self.problems).certificate = Some(problem.to_owned());
    }

    /// Logs only after the state has changed and its lock is released: the host's subscriber may
    /// panic or block.
    pub(super) fn on_error(&self, client: &str, code: Code, reason: &str, was_accepted: bool) {
        if let Some(error) = self.refusal(code, reason, was_accepted) {
            lock(&self.problems).last = Some(error.to_string());
            self.refusal.send_replace(Some(error.clone()));
            tracing::warn!(client, %error, "the cluster refuses the client");
            return;
        }
        let is_due = {
            let mut problems = lock(&self.problems);
            problems.last = Some(reason.to_owned());
            let is_due = problems
                .logged
                .is_none_or(|logged| logged.elapsed() > LOG_AGAIN);
            if is_due {
                problems.logged = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            tracing::info!(client, %code, reason, "connection problem");
        } else {
            tracing::debug!(client, %code, reason, "connection problem");
        }
    }

    fn refusal(&self, code: Code, reason: &str, was_accepted: bool) -> Option<BrokerError> {
        match code {
            Code::Authentication | Code::SaslAuthenticationFailed => {
                let is_passing = is_broken(reason) || (was_accepted && lacks_token(reason));
                (!is_passing).then(|| BrokerError::Authentication(password_problem(reason)))
            }
            Code::SSL => self.tls_problem(reason).map(BrokerError::Tls),
            _ => None,
        }
    }

    /// What is wrong with TLS, unless the connection merely broke.
    fn tls_problem(&self, reason: &str) -> Option<String> {
        let host = reason.split(": ").next().unwrap_or_default();
        if let Some(problem) = lock(&self.problems).certificate.take() {
            return Some(format!("{host}: {problem}"));
        }
        (!is_broken(reason)).then(|| reason.to_owned())
    }
}

/// librdkafka reports a cluster that is away several times a second. Problems are logged at `info`
/// once in this time, and at `debug` otherwise.
const LOG_AGAIN: Duration = Duration::from_secs(30);

/// True if a connection broke while it was being made: librdkafka reports that with the code of the
/// step it had reached.
fn is_broken(reason: &str) -> bool {
    let texts = [
        "Disconnected",
        "onnection reset",
        "timed out",
        // A system call failed: a broken pipe, no route to the host.
        "SSL transport error: ",
        "unexpected eof",
        // A request got no answer.
        "handshake failed: Local: Broker transport failure",
        "handshake failed: Local: Timed out",
    ];
    texts.iter().any(|text| reason.contains(text))
}

/// True if the issuer of OAUTHBEARER tokens did not return one, which says nothing about the
/// cluster.
fn lacks_token(reason: &str) -> bool {
    let texts = [
        "Failed to acquire SASL OAUTHBEARER token",
        "there is no token available",
    ];
    texts.iter().any(|text| reason.contains(text))
}

/// One text for what brokers say in several ways.
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
        other => format!("OpenSSL refuses the broker's certificate with code {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_is_not_a_refusal() {
        let (sasl, tls) = (Code::Authentication, Code::SSL);
        let handshake = "SASL SCRAM-SHA-512 mechanism handshake failed: ";
        let hello = "SSL handshake failed: ";
        // Whether it is a refusal before and after the cluster has accepted the client.
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
            for (was_accepted, is_refusal) in [false, true].into_iter().zip(expected) {
                let connection = Connection::default();
                let refusals = connection.refusals();
                let reason = format!("sasl_ssl://b:1/1: {start}{end}");
                connection.on_error("c", code, &reason, was_accepted);
                assert_eq!(refusals.has_changed().unwrap(), is_refusal, "{reason}");
            }
        }
    }
}
