//! A source task: poll, transform, convert, send; offsets follow what is durable.

mod context;
mod run;
mod send;

pub(crate) use run::SourceLoop;
pub(crate) use run::SourceParts;
