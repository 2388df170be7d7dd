//! A log inside the process: in memory, or durable in a folder.
//!
//! [`LocalBroker`] is what a worker uses without Kafka. It implements the
//! [contract](connect_broker) of a log without its wire: topics with partitions, consumer groups,
//! transactions, compaction and retention.
//!
//! * **Order and durability.** One writer appends. Requests that arrive while it writes go into the
//!   next commit together, so that many producers share one wait for the disk. A record and the
//!   offsets that are committed with it are stored in one step or not at all.
//! * **Transactions.** Records are stored as they are sent; readers of committed data stop before
//!   the first that is undecided. An abort removes the records, and so does opening a log whose
//!   process died inside a transaction. Offsets of records that were removed are not used again.
//! * **Reading.** Consumers are notified. Recent batches come from memory; older ones are read
//!   by the runtime's threads for blocking work. Every batch has a checksum: what is damaged is
//!   reported, never served.
//! * **Space.** Old records are removed by age ([`retention.ms`], counted from the append), by the
//!   size of a partition ([`retention.bytes`]) and by the size of the whole log
//!   ([`LocalOptions::max_bytes`]). What a known consumer group has not read stays: neither age nor
//!   `max_bytes` removes it, and producers wait for space instead. Only `retention.bytes` of a
//!   topic removes unread records, with a warning. A group is known from its first join, commit or
//!   [declaration](connect_broker::Broker::declare_group) until seven days after the last of them.
//!   A consumer that finds its position below the start of a partition logs a warning and returns a
//!   [gap](connect_broker::ConsumerEvent::Gaps).
//! * **Topics.** A topic is created by an administrative client, or when a record is sent to it. A
//!   consumer that names a topic waits for it, and creates it only if its options have
//!   `allow.auto.create.topics=true`.
//!
//! Out of scope: replication, access from other processes, quotas.
//!
//! [`retention.ms`]: https://kafka.apache.org/documentation/#topicconfigs_retention.ms
//! [`retention.bytes`]: https://kafka.apache.org/documentation/#topicconfigs_retention.bytes

mod broker;
mod client;
mod clock;
mod engine;
mod format;
mod group;
mod open;
mod options;
mod store;
mod topic;
mod writer;

pub use broker::LocalBroker;
pub use clock::Clock;
pub use options::Durability;
pub use options::LocalOptions;
