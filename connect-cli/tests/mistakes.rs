//! Mistakes of real configuration files: each is named, with the option and the fix.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot start fails")]

mod lab;

use lab::Lab;
use lab::assert_ends;

const JSON: &str = "value.converter=org.apache.kafka.connect.json.JsonConverter\n\
                    value.converter.schemas.enable=false\n";

/// Runs the program to the end with additions to the sink's file, and validates the same files. Both
/// must print the texts and return the code.
#[track_caller]
fn assert_says(addition: &str, code: i32, texts: &[&str]) {
    let lab = Lab::new();
    lab.write("in.txt", "{\"id\": 1}\n");
    lab.write("sink.properties", &(lab.sink() + addition));
    assert_ends(lab.run_to_end(), code, texts);
    let code = if code == 4 { 0 } else { code };
    let files = ["validate", "worker.properties", "sink.properties"];
    assert_ends(lab.run(&files), code, texts);
}

#[test]
fn options_that_a_plugin_does_not_have_are_warned_of() {
    let transform = "transforms=t\ntransforms.t.type=org.apache.kafka.connect.transforms.";
    for (addition, text) in [
        (
            format!(
                "{JSON}{transform}MaskField$Value\ntransforms.t.fields=id\n\
                     transforms.t.replacment=x\n"
            ),
            "did you mean \"transforms.t.replacement\"?",
        ),
        (
            format!("{JSON}{transform}ReplaceField$Value\ntransforms.t.whitelist=id\n"),
            "option \"transforms.t.whitelist\" is ignored: it was removed in Kafka 4.0; use \
             \"transforms.t.include\"",
        ),
        (
            format!(
                "{JSON}{transform}Filter\ntransforms.t.predicat=p\npredicates=p\n\
                     predicates.p.type=RecordIsTombstone\n"
            ),
            "did you mean \"transforms.t.predicate\"?",
        ),
        (
            format!(
                "{JSON}{transform}Filter\ntransforms.t.predicat=p\npredicates=p\n\
                     predicates.p.type=RecordIsTombstone\n"
            ),
            "option \"predicates.p.type\" has no effect: no transform has predicate \"p\"",
        ),
        (
            format!("{JSON}{transform}Filter\ntransforms.u.type=Filter\n"),
            "option \"transforms.u.type\" has no effect: transform \"u\" is not listed in \
             \"transforms\"",
        ),
        (
            format!("{JSON}value.converter.schemas.enabled=false\n"),
            "did you mean \"value.converter.schemas.enable\"?",
        ),
        (
            "value.converter.schemas.enable=false\n".to_owned(),
            "has no effect: the connector does not set \"value.converter\"",
        ),
        (
            "topic.creation.default.partitions=3\n".to_owned(),
            "has no effect: only source connectors create the topics that they use",
        ),
    ] {
        assert_says(&addition, 0, &["option \"", text]);
    }
}

#[test]
fn options_of_a_worker_that_its_converters_do_not_have_are_warned_of() {
    let lab = Lab::new();
    lab.write("in.txt", "");
    let worker = lab.read("worker.properties");
    lab.write(
        "worker.properties",
        &(worker + "key.converter.encodings=UTF-8\n"),
    );
    let texts = ["option \"key.converter.encodings\" is unknown to"];
    assert_ends(lab.run_to_end(), 0, &texts);
    assert_ends(
        lab.run(&["validate", "worker.properties", "sink.properties"]),
        0,
        &texts,
    );
    // A worker that does not start says it as well: it is often the reason.
    lab.write(
        "worker.properties",
        "key.converter=String\nvalue.convertor=String\n",
    );
    let texts = [
        "did you mean \"value.converter\"?",
        "\"value.converter\" which has no default",
    ];
    assert_ends(lab.run_to_end(), 2, &texts);
}

#[test]
fn superfluous_text_in_values_of_a_worker_is_named() {
    let lab = Lab::new();
    let worker = lab.read("worker.properties");
    let interval = "offset.flush.interval.ms=10000 # ten seconds\n";
    lab.write("worker.properties", &(worker + interval));
    let texts = ["offset.flush.interval.ms", "remove \"# ten seconds\""];
    assert_ends(lab.run_to_end(), 2, &texts);
    let strings = "key.converter=String // text\nvalue.converter=Strng\n";
    lab.write("worker.properties", strings);
    let texts = [
        "for configuration key.converter",
        "Did you mean org.apache.kafka.connect.storage.S",
    ];
    assert_ends(lab.run_to_end(), 2, &texts);
}

#[test]
fn an_option_that_is_set_twice_is_warned_of() {
    assert_says(
        "tasks.max=1\n\ntasks.max=2\n",
        0,
        &["option \"tasks.max\" is set in line 5 and again in line 7; the last value is used"],
    );
}

#[test]
fn superfluous_text_in_values_is_named() {
    for (addition, texts) in [
        (
            "tasks.max=2 // two tasks\n",
            &[
                "tasks.max",
                "there are no comments behind values: remove \"// two tasks\"",
            ][..],
        ),
        (
            "tasks.max=\"2\"\n",
            &["quotation marks are part of the value: remove them"],
        ),
        (
            "value.converter=org.apache.kafka.connect.json.JsonConverter # JSON\n",
            &[
                "value.converter",
                "remove \"# JSON\"",
                "Did you mean org.apache.kafka.connect.json.J",
            ],
        ),
        (
            "value.converter=org.apache.kafka.connect.json.JsonConverter\\u200b\n",
            &[
                "value.converter",
                "an invisible character, U+200B: remove it",
            ],
        ),
        (
            "transforms=a, b # both\ntransforms.a.type=Filter\ntransforms.b.type=Filter\n",
            &["\"transforms.b # both.type\"", "remove \"# both.type\""],
        ),
        (
            "transforms=a\ntransforms.a.type=HoistField\ntransforms.a.field=f\n",
            &[
                "transforms.a.type",
                "transforms.HoistField$Key or org.apache",
            ],
        ),
        (
            "topics=lines\ntopics.regex=l.*\n",
            &["contains the following 1 error(s)"],
        ),
    ] {
        assert_says(addition, 3, texts);
    }
}

#[test]
fn blanks_around_values_do_not_count() {
    let addition = "value.converter = org.apache.kafka.connect.storage.StringConverter  \n\
                    tasks.max = 1 \ntransforms= t \ntransforms.t.type=HoistField$Value \t\n\
                    transforms.t.field=f\n";
    assert_says(addition, 0, &[]);
}

#[test]
fn json_files_that_do_not_describe_a_connector_say_why() {
    let lab = Lab::new();
    for (text, reason) in [
        ("[]", "invalid type: sequence"),
        (
            "{\"name\": \"a\",\n \"file\": \"b\",}\n",
            "trailing comma at line 2",
        ),
        (
            "{\"name\": \"a\", 'file': \"b\"}",
            "key must be a string at line 1",
        ),
        (
            "{\"name\": \"a\", \"config\": {\"file\": [1]}}",
            "at line 1 column 34",
        ),
        ("name=a\n", "expected ident at line 1 column 2"),
    ] {
        lab.write("connector.json", text);
        assert_ends(
            lab.run(&["validate", "worker.properties", "connector.json"]),
            3,
            &[
                "connector.json is not a JSON object of options or a JSON create request",
                reason,
            ],
        );
    }
}

#[test]
fn the_summary_counts_what_was_written() {
    let lab = Lab::new();
    lab.write("in.txt", "{\"id\": 1}\n{\"id\": \n{\"id\": 3}\n");
    let tolerant = "errors.tolerance=all\nerrors.log.enable=true\n";
    lab.write("sink.properties", &(lab.sink() + JSON + tolerant));
    let (code, said) = lab.run_to_end();
    assert_ends(
        (code, said.clone()),
        0,
        &[
            "skipped because of errors: 1 records",
            "done: 3 records read, 2 written",
        ],
    );
    assert!(!said.contains("record=\"\""), "{said}");
    let sink = lab.sink().replace("name=sink", "name=other");
    let filter = "transforms=f\ntransforms.f.type=Filter\n";
    lab.write("sink.properties", &(sink + filter));
    assert_ends(lab.run_to_end(), 0, &["done: 0 records read, 0 written"]);
}
