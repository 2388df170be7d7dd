//! Requests to the coordinators of consumer groups.
//!
//! Decision that lives here: when a request is given up, and its client with it.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use connect_broker::BrokerError;
use connect_core::sync::lock;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaType;

use super::retry::repeat;
use crate::client::CallbackThread;
use crate::client::NO_GROUP;
use crate::client::call;
use crate::client::call_error;
use crate::client::open;
use crate::config::Settings;
use crate::error::Subject;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;
use crate::ffi::Failure;

/// Sends requests to the coordinators of groups, with a client of its own that is opened when it is
/// needed.
///
/// This works around two defects of librdkafka 2.12. The client has a group: if a broker answers
/// that another one is the coordinator, librdkafka looks at the coordinator of the client's own
/// group, and follows a null pointer if there is none (`rd_kafka_handle_OffsetFetch`). And the
/// client is given up when a request got no answer in time: librdkafka frees what such a request
/// still refers to, and aborts once the coordinator is back (`rd_kafka_admin_coord_request`).
pub(crate) struct Groups {
    settings: Settings,
    timeouts: AdminTimeouts,
    current: Mutex<Option<Arc<Connected>>>,
}

struct Connected {
    client: Arc<Client>,
    /// The last field, so that it is dropped after all other uses of the client.
    _thread: CallbackThread,
}

impl Groups {
    pub(crate) fn new(mut settings: Settings, timeouts: AdminTimeouts) -> Self {
        settings.config.set("group.id", NO_GROUP);
        Self {
            settings,
            timeouts,
            current: Mutex::default(),
        }
    }

    /// Sends a request about one group. Repeated if it gets no answer, with growing time-outs, so
    /// it must be idempotent.
    ///
    /// *Cancellation*: the request is not repeated; one that was sent may still be carried out.
    pub(crate) async fn ask<T, F>(&self, group: &str, request: F) -> Result<T, BrokerError>
    where
        T: Send + 'static,
        F: Fn(&Client, &str, AdminTimeouts) -> Result<T, Failure> + Send + Sync + 'static,
    {
        let request = Arc::new(request);
        let timeouts = self.timeouts;
        let begin = Instant::now();
        let mut attempt = FIRST_ATTEMPT;
        loop {
            let rest = timeouts.request.saturating_sub(begin.elapsed());
            let limits = AdminTimeouts {
                request: attempt.min(rest),
                ..timeouts
            };
            let mut sent = Sent {
                groups: self,
                with: self.connected()?,
                is_answered: false,
            };
            let client = &sent.with.client;
            let subject = Subject::Group(group);
            let (name, request) = (group.to_owned(), Arc::clone(&request));
            let answer = call(client, subject, move |client| {
                repeat(timeouts.operation, || {
                    match request(client, &name, limits) {
                        Err(failure) if is_timeout(failure.code) => Ok(Err(failure)),
                        result => result.map(Ok),
                    }
                })
            });
            match answer.await? {
                Ok(answer) => {
                    sent.is_answered = true;
                    return Ok(answer);
                }
                Err(failure) if rest <= attempt => {
                    return Err(call_error(&failure, subject, client.context()));
                }
                Err(_) => attempt *= 2,
            }
        }
    }

    fn connected(&self) -> Result<Arc<Connected>, BrokerError> {
        let mut current = lock(&self.current);
        if let Some(connected) = &*current {
            return Ok(Arc::clone(connected));
        }
        let client = open(RDKafkaType::RD_KAFKA_CONSUMER, &self.settings, None)?;
        let thread = CallbackThread::start(&client)?;
        let connected = Arc::new(Connected {
            client,
            _thread: thread,
        });
        Ok(Arc::clone(current.insert(connected)))
    }
}

/// A request that may be in flight. If it was not answered, its client is given up, which ends it:
/// carried out later, it could undo later requests.
struct Sent<'a> {
    groups: &'a Groups,
    with: Arc<Connected>,
    is_answered: bool,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.with.client.context().set_closing();
            let mut current = lock(&self.groups.current);
            current.take_if(|connected| Arc::ptr_eq(connected, &self.with));
        }
    }
}

const fn is_timeout(code: Code) -> bool {
    matches!(code, Code::OperationTimedOut)
}

/// The time-out of the first attempt.
const FIRST_ATTEMPT: Duration = Duration::from_secs(3);
