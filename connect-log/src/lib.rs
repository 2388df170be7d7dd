//! A log inside the process: in memory, or durable in a folder.
//!
//! [`LocalBroker`] is what a worker uses when there is no Kafka. It keeps the
//! [contract](connect_broker) of a log without its wire: topics with partitions, consumer groups,
//! transactions, compaction and retention.
//!
//! * **Order and durability.** One writer appends. What clients ask of it while it writes goes
//!   into the next commit together, so that many producers share one wait for the disk. A record,
//!   and the offsets that are committed with it, are stored in one step or not at all.
//! * **Transactions.** Records are stored as they are sent; readers of committed data stop before
//!   the first that is undecided. An abort removes the records, and so does opening a log whose
//!   process died inside a transaction. Offsets of records that were removed are not used again.
//! * **Reading.** Consumers are notified. Recent batches come from memory; older ones are read
//!   by the runtime's threads for blocking work. Every batch has a checksum: what is damaged is
//!   reported, never served.
//! * **Space.** Old records go by age, by size of a partition ([`retention.bytes`]) and by size of
//!   everything ([`LocalOptions::max_bytes`]). For space, nothing goes that a known consumer group
//!   has not read; producers wait instead.
//!
//! Not here, and not to come: replication, access from other processes, quotas.
//!
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
mod sync;
mod topic;
mod writer;

pub use broker::LocalBroker;
pub use clock::Clock;
pub use options::Durability;
pub use options::LocalOptions;
