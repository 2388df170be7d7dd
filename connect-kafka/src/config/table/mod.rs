//! The options of Kafka's Java clients and what becomes of each.

mod general;
mod security;

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use super::ClientOption;
use super::Numbers;
use super::Treatment;

/// All options, by name.
pub(super) static OPTIONS: LazyLock<Vec<ClientOption>> = LazyLock::new(|| {
    let mut options = [general::OPTIONS, security::OPTIONS].concat();
    options.sort_unstable_by_key(|option| option.name);
    options
});

const ADMIN: u8 = ClientOption::ADMIN;
const CONSUMER: u8 = ClientOption::CONSUMER;
const PRODUCER: u8 = ClientOption::PRODUCER;
const ALL: u8 = ADMIN | CONSUMER | PRODUCER;

const fn option(
    name: &'static str,
    clients: u8,
    treatment: Treatment,
    note: &'static str,
) -> ClientOption {
    ClientOption {
        name,
        clients,
        treatment,
        note,
        numbers: None,
    }
}

impl ClientOption {
    /// The numbers that Java takes, and those that librdkafka takes.
    const fn takes(mut self, java: RangeInclusive<i64>, here: RangeInclusive<i64>) -> Self {
        self.numbers = Some(Numbers {
            java: (*java.start(), *java.end()),
            here: (*here.start(), *here.end()),
        });
        self
    }
}

/// Java's types of numbers.
const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;
const ANY: RangeInclusive<i64> = i64::MIN..=LONG;
const ANY_INT: RangeInclusive<i64> = i32::MIN as i64..=INT;

/// In milliseconds.
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

const JAVA_CLASS: &str = "Java classes cannot run here; remove the option";
