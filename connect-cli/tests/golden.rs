//! Runs cases recorded from Kafka Connect.

use std::collections::BTreeMap;

use connect_api::Error;
use connect_cli::properties;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Json;
use connect_testkit::golden::Suite;

#[test]
fn properties_are_read_as_java_reads_them() {
    Suite::open(env!("CARGO_MANIFEST_DIR"), "util.jsonl").run(|case| {
        if case.op != "util.propertiesLoad" {
            return Answer::Skipped;
        }
        Answer::of(|| {
            let text = case.input.get("text").and_then(Json::as_str);
            let config = properties::parse(text.unwrap_or_default())
                .map_err(|error| Error::data(error.to_string()))?;
            let options: BTreeMap<_, _> = config.to_raw_map().into_iter().collect();
            serde_json::to_value(options).map_err(|error| Error::data(error.to_string()))
        })
    });
}
