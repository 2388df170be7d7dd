//! What a worker group is asked to run: the fold of the config records.

pub mod log;
mod record;
mod state;

pub use record::ConfigRecord;
pub use record::TargetState;
pub use state::ClusterState;
pub use state::ConnectorEntry;
