//! Reads batches from a store and checks each of them.

use connect_broker::BrokerError;

use crate::engine::Shared;
use crate::format::batch::Batch;
use crate::format::batch::Damage;
use crate::format::batch::Header;
use crate::topic::Log;

/// Returns the batches of a log with records from offset `from` and bases below `to`, in order,
/// about `limit` bytes of them. Empty only if there are none.
///
/// *Blocking*: as the store.
///
/// # Errors
/// [`BrokerError::Corrupt`] if the first of them is damaged. If a later one is, those before it are
/// returned.
pub(crate) fn read_batches(
    shared: &Shared,
    log: &Log,
    from: i64,
    to: i64,
    limit: usize,
) -> Result<Vec<Batch>, BrokerError> {
    let stored = shared.store.read(log.id, from, to, limit)?;
    let mut batches = Vec::with_capacity(stored.len());
    let mut ends = stored
        .iter()
        .skip(1)
        .map(|next| next.base)
        .collect::<Vec<_>>()
        .into_iter();
    for batch in stored {
        let next = ends.next();
        if batch.base < from && Header::decode(&batch.bytes).is_ok_and(|head| head.last() < from) {
            continue;
        }
        match Batch::check(log.id, batch.base, batch.bytes) {
            Ok(batch) => batches.push(batch),
            Err(damage) if batches.is_empty() => {
                let after = next.unwrap_or_else(|| next_base(shared, log, batch.base, to));
                return Err(corrupt(shared, log, batch.base, after, damage));
            }
            Err(_) => break,
        }
    }
    Ok(batches)
}

/// The error for a damaged batch.
pub(crate) fn corrupt(
    shared: &Shared,
    log: &Log,
    base: i64,
    next: i64,
    damage: Damage,
) -> BrokerError {
    BrokerError::Corrupt {
        what: format!(
            "topic \"{}\" partition {} offsets {base} to {} in {}: {damage}",
            log.partition.topic,
            log.partition.partition,
            next - 1,
            shared.path.display(),
        ),
        lost: format!("the records of these offsets are lost; seek to offset {next} to continue"),
    }
}

/// Where the batch after a damaged one begins.
fn next_base(shared: &Shared, log: &Log, base: i64, to: i64) -> i64 {
    let after = shared
        .store
        .read(log.id, base, i64::MAX, 1)
        .unwrap_or_default();
    after
        .iter()
        .map(|batch| batch.base)
        .find(|next| *next > base)
        .unwrap_or(to)
}
