//! Requests that change topics, groups or sessions. Each is a separate commit.

use std::sync::Arc;

use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::admin::NewTopic;
use connect_core::sync::lock;
use connect_core::sync::write;

use crate::format::catalog;
use crate::format::catalog::LogEntry;
use crate::format::catalog::ProducerEntry;
use crate::format::catalog::TopicEntry;
use crate::group::claims::GroupClaims;
use crate::store::Change;
use crate::topic::Log;
use crate::topic::Topic;
use crate::topic::policy::Policy;
use crate::writer::Writer;
use crate::writer::request::Request;
use crate::writer::session::Session;
use crate::writer::stage::Stage;

impl Writer {
    /// Carries out a request that is not part of a group commit. The reply is dropped if the client
    /// no longer waits for it.
    pub(super) fn administer(&mut self, request: Request) {
        match request {
            Request::CreateTopic(topic, reply) => drop(reply.send(self.create_topic(topic))),
            Request::DeleteGroup(group, reply) => drop(reply.send(self.delete_group(&group))),
            Request::DeleteTopic(name, reply) => drop(reply.send(self.delete_topic(&name))),
            Request::Fence(id, reply) => drop(reply.send(self.open_session(&id).map(drop))),
            Request::OpenSession(id, reply) => drop(reply.send(self.open_session(&id))),
            Request::Sync(reply) => drop(reply.send(self.sync())),
            // The caller stages these. Dropping one fails it with `Closed`.
            Request::Append(_) | Request::Declare(..) | Request::End(_) | Request::Offsets(..) => {}
        }
    }

    fn create_topic(&mut self, new: NewTopic) -> Result<(), BrokerError> {
        let NewTopic {
            name,
            partitions,
            config,
            ..
        } = new;
        if let Some(problem) = name.problem() {
            return Err(BrokerError::InvalidTopic(problem));
        }
        if self.shared.topic(&name).is_some() {
            return Err(BrokerError::TopicExists { topic: name });
        }
        let partitions = partitions.unwrap_or(self.shared.options.default_partitions);
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            return Err(BrokerError::InvalidTopic(format!(
                "topic \"{name}\" with {partitions} partitions: use 1 to {MAX_PARTITIONS}"
            )));
        }
        let policy = Policy::parse(&config, self.shared.options.retention).map_err(|problem| {
            BrokerError::InvalidTopic(format!("topic \"{name}\" with {problem}"))
        })?;
        let first = self.next_log;
        let last = first + partitions.cast_unsigned();
        let entry = TopicEntry {
            logs: (first..last).collect(),
            config: config.clone(),
        };
        let mut changes = vec![Change::Put(
            catalog::topic_key(&name),
            catalog::topic_value(&entry),
        )];
        let mut logs = Vec::new();
        for (partition, id) in (0..partitions).zip(first..last) {
            let entry = LogEntry::default();
            // Removes what an earlier deletion with an unknown outcome may have left.
            changes.push(Change::RemoveBatches {
                log: id,
                from: 0,
                to: i64::MAX,
            });
            changes.push(Change::Put(
                catalog::log_key(id),
                catalog::log_value(&entry),
            ));
            let partition = TopicPartition::new(name.clone(), partition);
            logs.push(Arc::new(Log::new(id, partition, policy.clone(), entry)));
        }
        self.next_log = last;
        if let Err(error) = self.store(&changes, self.sync_each) {
            let undo = changes.into_iter().filter_map(|change| match change {
                Change::Put(key, _) => Some(Change::Remove(key)),
                _ => None,
            });
            self.take_back(undo);
            return Err(error);
        }
        tracing::info!(topic = %name, partitions, "created a topic");
        let topic = Arc::new(Topic::new(name.clone(), logs, config, policy));
        write(&self.shared.topics).insert(name, topic);
        self.shared.new_topics.wake();
        self.shared
            .groups
            .topics_changed(&self.shared.topic_sizes());
        Ok(())
    }

    fn delete_topic(&mut self, name: &TopicName) -> Result<(), BrokerError> {
        let topic = self
            .shared
            .topic(name)
            .ok_or_else(|| BrokerError::UnknownTopic {
                topic: name.clone(),
            })?;
        let mut changes = vec![Change::Remove(catalog::topic_key(name))];
        for log in &topic.logs {
            changes.push(Change::RemoveBatches {
                log: log.id,
                from: 0,
                to: i64::MAX,
            });
            changes.push(Change::Remove(catalog::log_key(log.id)));
        }
        for session in lock(&self.shared.sessions).values() {
            for open in &session.transaction().batches {
                if topic.logs.iter().any(|log| log.id == open.log.id) {
                    let key = catalog::open_key(session.entry.id, open.log.id, open.base);
                    changes.push(Change::Remove(key));
                }
            }
        }
        for (group, offsets) in lock(&self.shared.offsets).iter() {
            for partition in offsets.keys().filter(|partition| partition.topic == *name) {
                changes.push(Change::Remove(catalog::offset_key(group, partition)));
            }
        }
        self.store(&changes, self.sync_each)?;
        tracing::info!(topic = %name, "deleted a topic");
        write(&self.shared.topics).remove(name);
        for log in &topic.logs {
            self.forget_bytes(log);
            log.delete();
        }
        for offsets in lock(&self.shared.offsets).values_mut() {
            offsets.retain(|partition, _| partition.topic != *name);
        }
        self.shared
            .groups
            .topics_changed(&self.shared.topic_sizes());
        Ok(())
    }

    fn delete_group(&mut self, group: &str) -> Result<(), BrokerError> {
        let offsets: LogOffsets = lock(&self.shared.offsets)
            .get(group)
            .cloned()
            .unwrap_or_default();
        let mut changes = vec![Change::Remove(catalog::claims_key(group))];
        for partition in offsets.keys() {
            changes.push(Change::Remove(catalog::offset_key(group, partition)));
        }
        self.store(&changes, self.sync_each)?;
        lock(&self.shared.claims).set(group.to_owned(), GroupClaims::default());
        lock(&self.shared.offsets).remove(group);
        Ok(())
    }

    /// Takes over a transactional id: fences its session and aborts its open transaction.
    fn open_session(&mut self, transactional_id: &str) -> Result<Arc<Session>, BrokerError> {
        let old = lock(&self.shared.sessions)
            .get(transactional_id)
            .map(Arc::clone);
        let entry = match &old {
            Some(old) => ProducerEntry {
                epoch: old.entry.epoch + 1,
                ..old.entry
            },
            None => ProducerEntry {
                id: self.next_producer,
                epoch: 0,
            },
        };
        let mut stage = Stage::new(self.shared.now());
        if let Some(old) = &old {
            stage.decide(old, u64::MAX, false);
        }
        let key = catalog::producer_key(transactional_id);
        stage
            .changes
            .push(Change::Put(key, catalog::producer_value(entry)));
        self.commit_as(stage, self.sync_each)?;
        if let Some(old) = old {
            old.fence();
        } else {
            self.next_producer += 1;
        }
        let session = Arc::new(Session::new(transactional_id.to_owned(), entry));
        lock(&self.shared.sessions).insert(transactional_id.to_owned(), Arc::clone(&session));
        tracing::info!(
            transactional_id,
            epoch = entry.epoch,
            "opened a transactional session"
        );
        Ok(session)
    }
}

/// The largest number of partitions of a topic.
const MAX_PARTITIONS: i32 = 10_000;
