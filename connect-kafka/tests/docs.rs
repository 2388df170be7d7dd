//! `docs/client-options.md` is generated from the table of options.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::fmt::Write as _;
use std::fs;

use connect_kafka::config::options;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client-options.md");

const INTRODUCTION: &str = "# Client options

Options of Kafka clients have the names of Kafka's Java clients. A worker's configuration gives them
with the prefixes `producer.`, `consumer.` and `admin.`, a connector's with `producer.override.`,
`consumer.override.` and `admin.override.`. The client is librdkafka, which has options of its own.
The table says what becomes of each option:

* *passed on*: librdkafka gets it, under this name or under the one that is given.
* *translated*: read as the note says.
* *ignored*: it has no effect, which is logged.
* *refused*: an error.

## Logins

A worker's options without a prefix are those of all its clients. In Java, the producers and
consumers of connectors get only `bootstrap.servers` of them. Here, a login is written once, and
connectors act with the rights of the worker unless they have a login of their own; the worker logs
that. To give connectors fewer rights, set another login with `producer.`, `consumer.` and `admin.`,
and limit what they may change with `connector.client.config.override.policy`.

A producer or consumer that has its own `bootstrap.servers` gets none of these options, so that the
worker's password is not sent to another cluster. An administrative client gets them, as in Java.

## Numbers

Java takes some numbers that librdkafka does not. They are replaced with the nearest number that
librdkafka takes, which is logged. The note gives the range.

## Other options

An option that is not in the table is ignored, and a warning names the option that was probably
meant. The prefix `librdkafka.` passes an option of librdkafka itself, such as
`producer.librdkafka.debug=broker`.

## Options

P, C and A stand for producers, consumers and administrative clients.

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
fn the_page_is_generated_from_the_table() {
    let expected = page();
    if fs::read_to_string(PAGE).unwrap_or_default() != expected {
        let made = concat!(env!("CARGO_TARGET_TMPDIR"), "/client-options.md");
        fs::write(made, expected).unwrap();
        panic!("docs/client-options.md is out of date; replace it with {made}");
    }
}
