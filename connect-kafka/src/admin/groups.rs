//! What coordinators of groups are asked.
//!
//! Decision that lives here: when a request is given up, and its client with it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use connect_broker::BrokerError;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaType;

use crate::admin::repeat;
use crate::broker::NO_GROUP;
use crate::broker::open;
use crate::client::call::call;
use crate::config::Settings;
use crate::error::Subject;
use crate::error::call_error;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;
use crate::ffi::Failure;
use crate::producer::delivery::Pump;

/// Asks coordinators of groups, with a client of its own from the first time on.
///
/// The client has a group, because librdkafka 2.12 handles the answer "another broker is the
/// coordinator" with the coordinator of the client's group, and follows a null pointer where there is
/// none (`rd_kafka_handle_OffsetFetch`). It is given up when it did not get an answer in time, because
/// librdkafka frees what a request that timed out still refers to, and aborts once the coordinator is
/// back (`rd_kafka_admin_coord_request`).
pub(crate) struct Groups {
    settings: Settings,
    timeouts: AdminTimeouts,
    current: Mutex<Option<Arc<Connected>>>,
}

struct Connected {
    client: Arc<Client>,
    /// The last field: dropped when this holds the client no more.
    _pump: Pump,
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

    /// A call about one group, which may be made twice: it is repeated, at first soon, when it gets
    /// no answer.
    ///
    /// *Cancellation*: the call is not made any more, unless it is just being made.
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
            let mut asked = Asked {
                groups: self,
                with: self.connected()?,
                is_answered: false,
            };
            let client = &asked.with.client;
            let subject = Subject::Group(group);
            let (name, request) = (group.to_owned(), Arc::clone(&request));
            let answer = call(client, subject, move |client| {
                repeat(timeouts.operation, || {
                    match request(client, &name, limits) {
                        Err(failure) if is_late(failure.code) => Ok(Err(failure)),
                        result => result.map(Ok),
                    }
                })
            });
            match answer.await? {
                Ok(told) => {
                    asked.is_answered = true;
                    return Ok(told);
                }
                Err(failure) if rest <= attempt => {
                    return Err(call_error(&failure, subject, client.context()));
                }
                Err(_) => attempt *= 2,
            }
        }
    }

    fn connected(&self) -> Result<Arc<Connected>, BrokerError> {
        let mut current = self.lock();
        if let Some(connected) = &*current {
            return Ok(Arc::clone(connected));
        }
        let client = open(RDKafkaType::RD_KAFKA_CONSUMER, &self.settings, None)?;
        let pump = Pump::start(&client)?;
        let connected = Arc::new(Connected {
            client,
            _pump: pump,
        });
        Ok(Arc::clone(current.insert(connected)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connected>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that may still be under way: it ends with its client, which nobody uses any more then. Were
/// it carried out later, it could undo what was done meanwhile.
struct Asked<'a> {
    groups: &'a Groups,
    with: Arc<Connected>,
    is_answered: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.with.client.context().set_closing();
            let mut current = self.groups.lock();
            current.take_if(|connected| Arc::ptr_eq(connected, &self.with));
        }
    }
}

/// True if no answer came in time.
const fn is_late(code: Code) -> bool {
    matches!(code, Code::OperationTimedOut)
}

/// How long the first of several attempts waits for an answer.
const FIRST_ATTEMPT: Duration = Duration::from_secs(3);
