//! What the derive macros generate.
#![cfg(feature = "derive")]

use std::path::PathBuf;
use std::time::Duration;

use connect_api::TopicName;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigEnum;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config::Importance;
use connect_api::config::ParsedConfig;
use connect_api::config::ParsedValue;
use connect_api::config::Password;
use connect_api::config::Recommender;
use connect_api::config::Width;
use connect_api::config::validator;
use connect_api::config_map;

#[derive(Debug, Clone, Copy, PartialEq, ConfigEnum)]
enum Tolerance {
    None,
    All,
    #[config(name = "some.of.them")]
    Some,
}

#[derive(Debug, Clone, Copy, PartialEq, ConfigEnum)]
#[config(ignore_case)]
enum Level {
    Info,
    DebugAll,
}

struct Sizes;

impl Recommender for Sizes {
    fn valid_values(&self, _: &str, _: &ParsedConfig) -> Vec<ParsedValue> {
        vec![100.into(), 200.into()]
    }
}

/// Not part of any key.
#[derive(Debug, Clone, PartialEq, ConfigDef)]
#[config(group = "Example", open = "header.")]
#[config(open = "param.")]
struct Example {
    /// Path to read.
    /// Absent means standard input.
    ///
    /// Second paragraph.
    #[config(name = "file", importance = high, width = long, display = "File")]
    path: Option<PathBuf>,
    #[config(validate = non_empty, dependents("batch.size"))]
    topic: TopicName,
    #[config(default = 2_000, importance = low, validate = range(min = 1, max = 5000))]
    #[config(recommender = Sizes, group = "Tuning", order = 7)]
    batch_size: i32,
    #[config(default = -1)]
    limit: i64,
    #[config(default = Tolerance::None)]
    tolerance: Tolerance,
    #[config(default = "debug_all")]
    level: Option<Level>,
    #[config(default = "a, b", validate = list_of("a", "b", "c"))]
    kinds: Vec<String>,
    #[config(default = Duration::from_secs(5))]
    timeout_ms: Duration,
    #[config(default = true, internal)]
    enabled: bool,
    #[config(default = 0.5, group = "Tuning", validate = validator::at_most(1.0))]
    r#ratio: f64,
    replicas: Option<i16>,
    password: Option<Password>,
}

#[test]
fn open_prefixes_allow_keys_without_a_field() {
    let def = Example::config_def();
    assert!(
        ["header.x", "param.x", "topic"]
            .iter()
            .all(|key| def.allows(key))
    );
    assert!(!def.allows("head"));
}

#[test]
fn absent_keys_take_their_defaults() {
    let example = Example::from_config(&config_map! { "topic" => "t" }).unwrap();
    assert_eq!(
        example,
        Example {
            path: None,
            topic: "t".into(),
            batch_size: 2000,
            limit: -1,
            tolerance: Tolerance::None,
            level: Some(Level::DebugAll),
            kinds: vec!["a".into(), "b".into()],
            timeout_ms: Duration::from_secs(5),
            enabled: true,
            ratio: 0.5,
            replicas: None,
            password: None,
        }
    );
}

#[test]
fn present_keys_are_read() {
    let config = config_map! {
        "file" => "/tmp/x", "topic" => " t ", "batch.size" => 10, "tolerance" => "some.of.them",
        "level" => "INFO", "kinds" => "", "timeout.ms" => 1, "enabled" => "FALSE", "ratio" => 1,
        "replicas" => 3, "password" => "s3cret", "limit" => 7,
    };
    let example = Example::from_config(&config).unwrap();
    assert_eq!(example.path, Some("/tmp/x".into()));
    assert_eq!(&*example.topic, "t");
    assert_eq!(
        (example.batch_size, example.limit, example.replicas),
        (10, 7, Some(3))
    );
    assert_eq!(
        (example.tolerance, example.level),
        (Tolerance::Some, Some(Level::Info))
    );
    assert!(example.kinds.is_empty() && !example.enabled);
    assert!(!format!("{example:?}").contains("s3cret"));
}

#[test]
fn every_wrong_key_is_explained() {
    let config = config_map! {
        "topic" => "", "batch.size" => 0, "tolerance" => "ALL", "level" => "x", "timeout.ms" => -1,
    };
    let expected = [
        "Invalid value  for configuration topic: String must be non-empty",
        "Invalid value 0 for configuration batch.size: Value must be at least 1",
        "Invalid value ALL for configuration tolerance: String must be one of: none, all, some.of.them",
        "Invalid value x for configuration level: String must be one of (case insensitive): INFO, DEBUG_ALL",
        "Invalid value -1 for configuration timeout.ms: Value must be at least 0",
    ];
    let errors = Example::from_config(&config).unwrap_err();
    assert_eq!(errors.to_string().lines().collect::<Vec<_>>(), expected);
    let validation = Example::config_def().validate(&config);
    assert_eq!(
        validation
            .errors()
            .map(|(_, message)| message)
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn null_is_refused_where_it_has_no_meaning() {
    let mut config = config_map! { "topic" => "t" };
    config.insert_null("file");
    assert!(Example::from_config(&config).is_ok());
    config.insert_null("batch.size");
    assert_eq!(
        Example::from_config(&config).unwrap_err().to_string(),
        "Invalid value null for configuration batch.size: Value must be non-null"
    );
}

#[test]
fn the_definition_says_what_the_attributes_say() {
    let def = Example::config_def();
    let file = def.key("file").unwrap();
    assert_eq!(
        file.documentation,
        "Path to read. Absent means standard input.\nSecond paragraph."
    );
    assert_eq!(
        (file.importance, file.width),
        (Importance::High, Width::Long)
    );
    assert_eq!(
        (file.display_name.as_str(), file.order_in_group),
        ("File", 1)
    );
    assert_eq!(file.default, Some(ParsedValue::Null));
    let topic = def.key("topic").unwrap();
    assert!(topic.is_required());
    assert_eq!(
        (topic.order_in_group, &*topic.dependents),
        (2, &["batch.size".to_owned()][..])
    );
    let ratio = def.key("ratio").unwrap();
    assert_eq!(
        (ratio.group.as_deref(), ratio.order_in_group),
        (Some("Tuning"), 8)
    );
    assert!(def.key("enabled").unwrap().internal);
    assert_eq!(def.groups(), ["Example", "Tuning"]);
    let validation = def.validate(&ConfigMap::new());
    assert_eq!(
        validation
            .get("batch.size")
            .unwrap()
            .recommended_values
            .len(),
        2
    );
}
