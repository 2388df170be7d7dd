//! What producers, consumers and administrative clients share: how a handle of librdkafka is
//! opened, served and called.

mod call;
mod callback_thread;
mod open;
mod partitions;
mod topics;

pub(crate) use self::call::blocking;
pub(crate) use self::call::call;
pub(crate) use self::call::call_error;
pub(crate) use self::call::in_turns;
pub(crate) use self::call::unless_refused;
pub(crate) use self::callback_thread::CallbackThread;
pub(crate) use self::callback_thread::END_TIMEOUT;
pub(crate) use self::callback_thread::SERVE;
pub(crate) use self::callback_thread::Stop;
pub(crate) use self::callback_thread::spawn;
pub(crate) use self::open::NO_GROUP;
pub(crate) use self::open::open;
pub(crate) use self::open::timeouts;
pub(crate) use self::partitions::list;
pub(crate) use self::partitions::list_with;
pub(crate) use self::topics::PROPAGATION;
pub(crate) use self::topics::topics;
