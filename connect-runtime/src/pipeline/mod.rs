//! What happens to a record between a task and the log: transforms, converters, and the handling of
//! their failures.

mod chain;
mod codec;
mod convert;
mod operator;
mod report;

pub(crate) use chain::Chain;
pub(crate) use codec::Decoder;
pub(crate) use codec::Encoder;
pub(crate) use codec::take;
pub(crate) use convert::Converters;
pub(crate) use operator::Failure;
pub(crate) use operator::Operator;
pub(crate) use operator::Stage;
pub(crate) use operator::Verdict;
pub(crate) use operator::interrupted;
pub(crate) use operator::unless_interrupted;
pub(crate) use report::DeadLetter;
pub(crate) use report::Letter;
pub(crate) use report::Reports;
