//! The page about client options says what the table says.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::fmt::Write as _;
use std::fs;

use connect_kafka::config::options;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client-options.md");

const INTRODUCTION: &str = "# Client options

Options of Kafka clients are written in the words of Kafka's Java clients: in a worker's
configuration with the prefixes `producer.`, `consumer.` and `admin.`, in a connector's with
`producer.override.`, `consumer.override.` and `admin.override.`. The client here is librdkafka;
this table says what becomes of each option.

* *same name*: handed on as it is.
* *translated*: handed on under another name, or read as the note says.
* *ignored with notice*: has no effect, which is noted in the log.
* *refused*: an error.

Options without a prefix in a worker's configuration are for all its clients, other than in Java,
where the producers and consumers of connectors get `bootstrap.servers` only: a login has to be
written once, and connectors act with the rights of the worker unless they have one of their own,
which is noted in the log. Where they should have fewer rights, give them a login with `producer.`,
`consumer.` and `admin.`, and let `connector.client.config.override.policy` say what connectors may
change. A producer or consumer with other `bootstrap.servers` gets nothing of these options, so that
it does not show the worker's password to another cluster. An administrative client does get them,
as in Java.

A number that Java takes and librdkafka does not is used as the nearest one that it takes, which is
noted in the log; the note says which these are.

An option that is not in the table is warned of, with the likely name. Options of librdkafka itself
are reached with the prefix `librdkafka.`, such as `producer.librdkafka.debug=broker`.

P, C and A: producers, consumers, administrative clients.

| option | P | C | A | what becomes of it | note |
| --- | --- | --- | --- | --- | --- |
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mark = |is_for: bool| if is_for { "×" } else { "" };
    for option in options() {
        let range = option.range();
        let range = range.map(|range| format!("{} to {}", range.start(), range.end()));
        let note = [option.note, range.as_deref().unwrap_or_default()];
        let note: Vec<_> = note.into_iter().filter(|part| !part.is_empty()).collect();
        writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} |",
            option.name,
            mark(option.is_for_producers()),
            mark(option.is_for_consumers()),
            mark(option.is_for_admins()),
            option.treatment,
            note.join("; ")
        )
        .unwrap();
    }
    page
}

#[test]
fn the_page_is_made_from_the_table() {
    let expected = page();
    if fs::read_to_string(PAGE).unwrap_or_default() != expected {
        let made = concat!(env!("CARGO_TARGET_TMPDIR"), "/client-options.md");
        fs::write(made, expected).unwrap();
        panic!("docs/client-options.md is out of date; replace it by {made}");
    }
}
