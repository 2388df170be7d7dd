//! The machine that decides what a worker runs.
//!
//! One machine for every mode: inputs are requests, config records, results of actions and reports
//! of tasks; actions are what the driver must do. Alone, a worker owns everything; in a group the
//! same machine gets an assignment as one more input.
//!
//! ```text
//! request ─▶ Validate ─▶ WriteConfig ─▶ config record ─▶ StartConnector ─▶ GenerateTaskConfigs
//!                                                                              │
//!            StartTask ◀─ config record ◀─ WriteConfig ◀────────────────────────┘
//! ```

mod core;
mod message;

pub use self::core::HerderCore;
pub use message::Action;
pub use message::ActionId;
pub use message::ConnectorInfo;
pub use message::HerderError;
pub use message::Input;
pub use message::Outcome;
pub use message::PutMode;
pub use message::Request;
pub use message::RequestId;
pub use message::Response;
