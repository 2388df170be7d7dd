//! A source task: poll, transform, convert, send; offsets follow what is durable.

mod context;
mod errant;
mod pace;
mod run;
mod send;
pub(crate) mod topics;
mod transaction;

pub(crate) use errant::Errant;
pub(crate) use run::SourceLoop;
pub(crate) use run::SourceParts;
pub(crate) use transaction::Transactions;
