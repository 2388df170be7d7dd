//! The state machine that decides what a worker runs.
//!
//! It has three parts (ADR 16): what is *desired* ([`ConfigLog`](crate::cluster::log::ConfigLog)), what
//! this worker *owns* ([`Assignment`]), and what is *running*. [`HerderCore::step`] takes one [`Input`] in and
//! queues the [`Action`]s that bring what runs closer to what is desired and owned.
//!
//! ```text
//! request ─▶ Validate ─▶ Write ─▶ Config ─▶ StartConnector ─▶ Running ─▶ TaskConfigs ─▶ Write
//!                                                                                         │
//!                              StartTask ◀─ Config ◀──────────────────────────────────────┘
//! ```
//!
//! It serves every mode: a worker that is alone gets [`Assignment::alone`] once, a worker in a
//! group gets an assignment after each rebalance.
//!
//! | file | what it decides |
//! | --- | --- |
//! | `request.rs` | when a request is answered, and with what |
//! | `change.rs` | which records a change writes |
//! | `fencing.rs` | when older tasks are fenced |
//! | `reconcile.rs` | what is started, stopped and asked |
//! | `report.rs` | what reports and their absence mean, which statuses are published |
//! | `restart.rs` | whether and when what has failed is restarted |
//!

mod change;
mod core;
mod deadlines;
mod error;
mod fencing;
mod message;
mod options;
mod owned;
mod reconcile;
mod report;
mod request;
mod restart;
mod running;
mod status;

pub use self::core::HerderCore;
pub use error::HerderError;
pub use error::Stage;
pub use message::Action;
pub use message::ActionId;
pub use message::ConnectorInfo;
pub use message::GivenUp;
pub use message::Incarnation;
pub use message::Input;
pub use message::OffsetChange;
pub use message::Operation;
pub use message::Outcome;
pub use message::PutMode;
pub use message::Report;
pub use message::Request;
pub use message::RequestId;
pub use message::Response;
pub use message::StartTask;
pub use message::Wait;
pub use options::CallLimits;
pub use options::HerderOptions;
pub use owned::Assignment;
pub use owned::Owned;
pub use restart::RestartPolicy;
pub use status::Board;
pub use status::Stall;
pub use status::Status;
