//! What the suites of source and sink connectors share.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: a surprise is a failure of the connector under test"
)]

use std::future::Future;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Connector;

use crate::context::FakeConnector;

/// Generates one `#[tokio::test]` for each case of a suite of connectors.
#[doc(hidden)]
#[macro_export]
macro_rules! connector_conformance {
    ($suite:ident $attributes:tt $system:path; $($case:ident)*) => {
        $($crate::connector_conformance! { @case $suite $attributes $system; $case })*
    };
    (@case $suite:ident [$(#[$attribute:meta])*] $system:path; $case:ident) => {
        $(#[$attribute])*
        #[tokio::test]
        async fn $case() {
            $crate::$suite::$case($system().await).await;
        }
    };
}

/// A connector that is started with a configuration.
pub(crate) async fn start(connector: &mut dyn Connector, config: ConfigMap) {
    let context = FakeConnector::new().context();
    within("start", connector.start(context, config))
        .await
        .unwrap();
}

/// Asserts that a connector returns the same task configurations each time, `least` of them or more,
/// and no more than it may.
pub(crate) async fn plans_the_same_work_each_time(
    connector: &mut dyn Connector,
    config: ConfigMap,
    least: usize,
) {
    start(connector, config).await;
    for most in [1, 2, 10] {
        let first = connector.task_configs(most).await.unwrap();
        let second = connector.task_configs(most).await.unwrap();
        assert_eq!(
            first, second,
            "task_configs({most}) returned something else when called again"
        );
        let count = first.len();
        assert!(
            (least..=most).contains(&count),
            "task_configs({most}) returned {count} configurations, expected {least} to {most}"
        );
    }
    within("stop", connector.stop()).await.unwrap();
}

/// Asserts that a connector that was never started accepts its configuration and names each
/// required option that is missing.
pub(crate) async fn knows_its_configuration(connector: &dyn Connector, config: ConfigMap) {
    let validation = connector.validate(&config).await.unwrap();
    let errors: Vec<_> = validation.errors().collect();
    assert!(
        errors.is_empty(),
        "validate refuses the configuration of the test: {errors:?}"
    );
    for name in required(connector) {
        let mut config = config.clone();
        config.remove(&name);
        let validation = connector.validate(&config).await.unwrap();
        let is_named = validation.errors().any(|(other, _)| other == name);
        assert!(
            is_named,
            "option \"{name}\" is required, but validate does not say that it is missing"
        );
    }
}

/// The options without which a connector does not start.
pub(crate) fn required(connector: &dyn Connector) -> Vec<String> {
    let keys = connector.config_def().keys().iter();
    keys.filter(|key| key.is_required())
        .map(|key| key.name.clone())
        .collect()
}

/// Waits for something that has to happen.
///
/// # Panics
/// It takes too long.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not done after {PATIENCE:?}"),
    }
}

/// The longest that a case waits. It is long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
