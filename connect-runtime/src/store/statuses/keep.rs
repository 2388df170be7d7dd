//! The task that writes statuses to their topic and reads those of other workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connect_api::Result;
use connect_broker::Broker;
use connect_core::codec::status::StatusRecord;
use connect_core::herder::Input;
use connect_core::status::Subject;
use connect_core::status::log::Status;
use tokio::sync::mpsc;

use super::Statuses;
use super::shown;
use crate::config::StoreTopic;
use crate::store::LogClients;
use crate::store::topic_log::Entry;
use crate::store::topic_log::KeyValue;
use crate::store::topic_log::TopicLog;

/// Writes statuses to their topic and reads those of other workers.
#[derive(Debug)]
pub(crate) struct StatusKeeper {
    statuses: Arc<Statuses>,
    log: TopicLog,
}

impl Statuses {
    /// Opens the topic, creating it if need be, and reads it to its end. The keeper must be
    /// [run](StatusKeeper::run).
    ///
    /// # Errors
    /// As [`TopicLog::open`].
    pub(crate) async fn open(
        broker: &dyn Broker,
        topic: &StoreTopic,
        clients: LogClients,
        worker_id: String,
    ) -> Result<(Arc<Self>, StatusKeeper)> {
        let mut log = TopicLog::open(broker, topic, clients).await?;
        let statuses = Self::in_memory(worker_id);
        {
            let fold = &mut |entry| drop(statuses.read(&entry));
            log.read_to_end(fold).await?;
        }
        statuses.lock().unwritten = Some(BTreeMap::new());
        let statuses = Arc::new(statuses);
        let keeper = StatusKeeper {
            statuses: Arc::clone(&statuses),
            log,
        };
        Ok((statuses, keeper))
    }

    /// The worker that has written the last status.
    fn owner(&self, subject: &Subject) -> Option<String> {
        let known = self.lock();
        let status = match subject {
            Subject::Connector(name) => known.log.connector(name),
            Subject::Task(id) => known.log.task(id),
            _ => None,
        };
        status?.worker_id.clone()
    }

    /// Takes in a record of the topic; returns a status that is news.
    fn read(&self, entry: &Entry) -> Option<(Subject, Option<Status>)> {
        match StatusRecord::decode(entry.key.as_deref(), entry.value.as_deref()) {
            Ok(record) => {
                let is_news = self.lock().log.apply(record.clone());
                match record {
                    StatusRecord::Status { subject, status } if is_news => Some((subject, status)),
                    _ => None,
                }
            }
            Err(error) => {
                tracing::error!(
                    key = error.key(),
                    offset = entry.offset,
                    reason = error.problem().to_string(),
                    "a record of the status topic is skipped"
                );
                None
            }
        }
    }
}

impl StatusKeeper {
    /// Writes and follows until the statuses are closed and the last of them is written, or the
    /// herder is gone.
    pub(crate) async fn run(mut self, inputs: mpsc::Sender<Input>) {
        let statuses = Arc::clone(&self.statuses);
        loop {
            let (next, is_closing) = {
                let mut known = statuses.lock();
                let unwritten = known.unwritten.get_or_insert_default();
                let next = std::mem::take(unwritten);
                (next, known.is_closing)
            };
            let mut news = Vec::new();
            if !next.is_empty() {
                self.write(next, &mut news).await;
            } else if is_closing {
                return;
            } else {
                tokio::select! {
                    // Cancel-safe: what rang is looked at again, and following loses nothing.
                    () = statuses.bell.notified() => {}
                    followed = follow(&mut self.log, &statuses, &mut news) => {
                        if let Err(error) = followed {
                            let error = error.report();
                            tracing::warn!(error, "statuses of other workers are not seen for now");
                            tokio::time::sleep(RETRY_WAIT).await;
                        }
                    }
                }
            }
            for (subject, status) in news {
                let input = Input::Status(subject, status.map(shown));
                if inputs.send(input).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Writes entries; those that fail for now wait for the next round, unless there are newer ones.
    async fn write(
        &mut self,
        entries: BTreeMap<Bytes, Option<Bytes>>,
        news: &mut Vec<(Subject, Option<Status>)>,
    ) {
        let mut entries: Vec<KeyValue> = entries.into_iter().collect();
        while !entries.is_empty() {
            let rest = entries.split_off(entries.len().min(BATCH));
            let batch = std::mem::replace(&mut entries, rest);
            let Err(error) = self.write_batch(batch.clone(), news).await else {
                continue;
            };
            if error.is_retriable() {
                let error = error.report();
                tracing::warn!(error, "statuses cannot be written for now; trying again");
                self.put_back(batch.into_iter().chain(entries));
                tokio::time::sleep(RETRY_WAIT).await;
                return;
            }
            // One of them may be too large. The others are written without it.
            for entry in batch {
                match self.write_batch(vec![entry.clone()], news).await {
                    Ok(()) => {}
                    Err(error) if error.is_retriable() => self.put_back([entry]),
                    Err(error) => {
                        let (key, error) = (String::from_utf8_lossy(&entry.0), error.report());
                        tracing::error!(%key, error, "a status cannot be written");
                    }
                }
            }
        }
    }

    async fn write_batch(
        &mut self,
        batch: Vec<KeyValue>,
        news: &mut Vec<(Subject, Option<Status>)>,
    ) -> Result<()> {
        let statuses = &self.statuses;
        let fold = &mut |entry: Entry| {
            if !entry.is_own {
                news.extend(of_others(statuses, &entry));
            }
        };
        self.log.write(batch, fold).await
    }

    fn put_back(&self, entries: impl IntoIterator<Item = KeyValue>) {
        let mut known = self.statuses.lock();
        let unwritten = known.unwritten.get_or_insert_default();
        for (key, value) in entries {
            unwritten.entry(key).or_insert(value);
        }
    }
}

async fn follow(
    log: &mut TopicLog,
    statuses: &Statuses,
    news: &mut Vec<(Subject, Option<Status>)>,
) -> Result<()> {
    log.follow(&mut |entry| news.extend(of_others(statuses, &entry)))
        .await
}

/// Takes in a record that this worker has not just written. What seems to be of this worker is of an
/// earlier write or an earlier life, and says nothing.
fn of_others(statuses: &Statuses, entry: &Entry) -> Option<(Subject, Option<Status>)> {
    let record = StatusRecord::decode(entry.key.as_deref(), entry.value.as_deref());
    if let Ok(StatusRecord::Status { subject, status }) = record {
        let own = Some(&statuses.worker_id);
        let is_own = match &status {
            Some(status) => status.worker_id.as_ref() == own,
            None => statuses.owner(&subject).as_ref() == own,
        };
        if is_own {
            return None;
        }
    }
    statuses.read(entry)
}

/// Statuses that are written at once.
const BATCH: usize = 500;

/// The pause after an error.
const RETRY_WAIT: Duration = Duration::from_millis(500);
