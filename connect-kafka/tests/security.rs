//! TLS and SASL against a real broker: correct options connect, and wrong ones are named.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot start has failed"
)]

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use std::time::Instant;

use connect_api::ConfigMap;
use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::ConsumerOptions;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use connect_kafka::KafkaBroker;
use connect_testkit::kafka::ADMIN_PASSWORD;
use connect_testkit::kafka::ADMIN_USER;
use connect_testkit::kafka::KafkaCluster;
use connect_testkit::kafka::Listener;
use connect_testkit::kafka::POWERLESS_PASSWORD;
use connect_testkit::kafka::POWERLESS_USER;

/// How long a client may take to report what is wrong.
const SOON: Duration = Duration::from_secs(60);

static KAFKA: LazyLock<KafkaCluster> =
    LazyLock::new(|| KafkaCluster::builder().tls().sasl().start());

async fn kafka() -> &'static KafkaCluster {
    tokio::task::spawn_blocking(|| &*KAFKA).await.unwrap()
}

/// Options of a listener: PEM authority for TLS, PLAIN for SASL.
fn options(kafka: &KafkaCluster, listener: Listener) -> ConfigMap {
    let mut options = config_map! { "bootstrap.servers" => kafka.bootstrap_of(listener) };
    let protocol = match listener {
        Listener::Sasl => "SASL_PLAINTEXT",
        Listener::SaslTls => "SASL_SSL",
        _ => "SSL",
    };
    options.insert("security.protocol", protocol);
    if protocol.ends_with("SSL") {
        let authority = kafka.certificates().authority();
        options.insert("ssl.truststore.location", authority.display().to_string());
        options.insert("ssl.truststore.type", "PEM");
    }
    if protocol.starts_with("SASL") {
        options.extend(login("PLAIN", ADMIN_USER, ADMIN_PASSWORD));
    }
    options
}

fn login(mechanism: &str, user: &str, password: &str) -> ConfigMap {
    let module = match mechanism {
        "PLAIN" => "plain.PlainLoginModule",
        _ => "scram.ScramLoginModule",
    };
    config_map! {
        "sasl.mechanism" => mechanism,
        "sasl.jaas.config" => format!(
            "org.apache.kafka.common.security.{module} required \
             username=\"{user}\" password=\"{password}\";"
        ),
    }
}

async fn cluster_id(options: ConfigMap) -> Result<String, BrokerError> {
    let begin = Instant::now();
    let result = KafkaBroker::new(options)?.cluster_id().await;
    let told = result.is_ok() || begin.elapsed() < SOON;
    assert!(told, "{:?}: {result:?}", begin.elapsed());
    result
}

#[tokio::test]
async fn every_kind_of_listener_connects() {
    let kafka = kafka().await;
    for listener in [Listener::Sasl, Listener::SaslTls, Listener::Tls] {
        cluster_id(options(kafka, listener)).await.unwrap();
    }
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let mut options = options(kafka, Listener::SaslTls);
        options.extend(login(mechanism, ADMIN_USER, ADMIN_PASSWORD));
        cluster_id(options).await.unwrap();
    }
    let mut options = options(kafka, Listener::Sasl);
    options.insert("sasl.mechanism", "OAUTHBEARER");
    options.insert(
        "sasl.jaas.config",
        format!(
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
             unsecuredLoginStringClaim_sub=\"{ADMIN_USER}\";"
        ),
    );
    cluster_id(options).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_named() {
    let kafka = kafka().await;
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let mut options = options(kafka, Listener::Sasl);
        options.extend(login(mechanism, ADMIN_USER, "wrong"));
        let error = cluster_id(options).await.unwrap_err();
        assert!(matches!(error, BrokerError::Authentication(_)), "{error}");
        assert!(
            error.to_string().contains("wrong user name or password"),
            "{error}"
        );
        assert!(!error.is_retriable());
    }
}

#[tokio::test]
async fn each_bad_certificate_has_its_own_error() {
    let kafka = kafka().await;
    let stranger = kafka.certificates().stranger().display().to_string();
    for (listener, authority, problem) in [
        (Listener::TlsExpired, None, "has expired"),
        (Listener::TlsOtherHost, None, "belongs to another host"),
        (Listener::Tls, Some(stranger), "is not trusted"),
    ] {
        let mut options = options(kafka, listener);
        if let Some(authority) = authority {
            options.insert("ssl.truststore.location", authority);
        }
        let error = cluster_id(options).await.unwrap_err();
        assert!(matches!(error, BrokerError::Tls(_)), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
    }
}

/// Makes a trust store with Java's own tool, which comes with every Java runtime.
fn keytool(authority: &Path, kind: &str, java: &[&str]) -> PathBuf {
    let name = format!("trust{}.{}", java.len(), kind.to_lowercase());
    let store = authority.with_file_name(name);
    let output = Command::new("keytool")
        .args(java)
        .args([
            "-importcert",
            "-noprompt",
            "-alias",
            "ca",
            "-storepass",
            "changeit",
        ])
        .arg("-file")
        .arg(authority)
        .args(["-storetype", kind, "-keystore"])
        .arg(&store)
        .output()
        .expect("this test needs `keytool` of a Java runtime on the path");
    assert!(output.status.success(), "{output:?}");
    store
}

#[tokio::test]
async fn trust_stores_of_java_are_read_or_the_error_says_how_to_convert_them() {
    let kafka = kafka().await;
    let authority = kafka.certificates().authority();
    let mut options = options(kafka, Listener::Tls);
    options.insert("ssl.truststore.type", "PKCS12");
    let store = keytool(&authority, "PKCS12", &[]).display().to_string();
    options.insert("ssl.truststore.location", store);
    options.insert("ssl.truststore.password", "changeit");
    cluster_id(options.clone()).await.unwrap();

    options.insert("ssl.truststore.password", "wrong");
    let error = KafkaBroker::new(options.clone()).unwrap_err();
    assert!(
        error.to_string().contains("the password is wrong"),
        "{error}"
    );

    options.remove("ssl.truststore.password");
    let error = KafkaBroker::new(options.clone()).unwrap_err();
    let problem = "ssl.truststore.password is missing";
    assert!(error.to_string().contains(problem), "{error}");

    options.insert("ssl.truststore.password", "changeit");
    let old = ["-J-Dkeystore.pkcs12.legacy"];
    let store = keytool(&authority, "PKCS12", &old).display().to_string();
    options.insert("ssl.truststore.location", store);
    let error = KafkaBroker::new(options.clone()).unwrap_err();
    assert!(
        error.to_string().contains("keytool -importkeystore"),
        "{error}"
    );

    let store = keytool(&authority, "JKS", &[]).display().to_string();
    options.insert("ssl.truststore.location", store);
    let error = KafkaBroker::new(options).unwrap_err();
    assert!(
        error.to_string().contains("keytool -importkeystore"),
        "{error}"
    );
}

#[tokio::test]
async fn all_clients_report_a_wrong_password() {
    let kafka = kafka().await;
    let mut options = options(kafka, Listener::Sasl);
    options.extend(login("SCRAM-SHA-512", ADMIN_USER, "wrong"));
    let broker = KafkaBroker::new(options).unwrap();
    let soon = |begin: Instant| assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());

    let begin = Instant::now();
    let (mut producer, mut receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    producer
        .send(vec![ProducerRecord::new(0, "t", "v")])
        .await
        .unwrap();
    let receipt = receipts.next().await.unwrap();
    let error = receipt.into_iter().next().unwrap().outcome.unwrap_err();
    assert!(matches!(error, BrokerError::Authentication(_)), "{error}");
    soon(begin);

    // The client was refused before, which librdkafka does not report again soon.
    let begin = Instant::now();
    let later = vec![ProducerRecord::new(1, "t", "v")];
    producer.send(later).await.unwrap();
    let receipt = receipts.next().await.unwrap();
    let error = receipt.into_iter().next().unwrap().outcome.unwrap_err();
    assert!(matches!(error, BrokerError::Authentication(_)), "{error}");
    soon(begin);

    let begin = Instant::now();
    let mut transactional = ProducerOptions::default();
    transactional.transactional_id = Some("id".into());
    let error = broker.producer(transactional).await.err().unwrap();
    assert!(matches!(error, BrokerError::Authentication(_)), "{error}");
    soon(begin);

    let begin = Instant::now();
    let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
    options.group = Some("g".into());
    let mut consumer = broker.consumer(options).await.unwrap();
    let error = consumer.poll(SOON).await.unwrap_err();
    assert!(matches!(error, BrokerError::Authentication(_)), "{error}");
    soon(begin);
}

#[tokio::test]
async fn missing_rights_are_named() {
    let kafka = kafka().await;
    let admin = KafkaBroker::new(config_map! { "bootstrap.servers" => kafka.bootstrap() }).unwrap();
    let admin = admin.admin(AdminOptions::default()).await.unwrap();
    admin
        .create_topic(NewTopic::new("guarded").partitions(1))
        .await
        .unwrap();

    let mut options = options(kafka, Listener::Sasl);
    options.extend(login("PLAIN", POWERLESS_USER, POWERLESS_PASSWORD));
    let broker = KafkaBroker::new(options).unwrap();
    let (mut producer, mut receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    producer
        .send(vec![ProducerRecord::new(0, "guarded", "v")])
        .await
        .unwrap();
    let receipt = receipts.next().await.unwrap();
    let error = receipt.into_iter().next().unwrap().outcome.unwrap_err();
    assert!(matches!(error, BrokerError::Unauthorized(_)), "{error}");
    assert!(error.to_string().contains("guarded"), "{error}");

    let mut options = ConsumerOptions::new(Subscription::Topics(vec!["guarded".into()]));
    options.group = Some("g".into());
    let mut consumer = broker.consumer(options).await.unwrap();
    let error = consumer.poll(SOON).await.unwrap_err();
    assert!(matches!(error, BrokerError::Unauthorized(_)), "{error}");
}

/// Connections that break at any step while they are made are retried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_network_is_not_a_refusal() {
    let certificates = kafka().await.certificates();
    let server = certificates.authority().with_file_name("server.pem");
    let cluster = KafkaCluster::builder()
        .proxied()
        .with(
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,PROXIED:SASL_SSL,CONTROLLER:PLAINTEXT",
        )
        .with("listener.name.proxied.sasl.enabled.mechanisms", "PLAIN")
        .with(
            "listener.name.proxied.plain.sasl.jaas.config",
            format!(
                "org.apache.kafka.common.security.plain.PlainLoginModule required \
                 user_{ADMIN_USER}=\"{ADMIN_PASSWORD}\";"
            ),
        )
        .with("listener.name.proxied.ssl.keystore.type", "PEM")
        .with(
            "listener.name.proxied.ssl.keystore.location",
            server.display().to_string(),
        );
    let cluster = tokio::task::spawn_blocking(move || cluster.start());
    let cluster = cluster.await.unwrap();
    let plain = config_map! { "bootstrap.servers" => cluster.bootstrap() };
    let admin = KafkaBroker::new(plain).unwrap();
    let admin = admin.admin(AdminOptions::default()).await.unwrap();
    admin
        .create_topic(NewTopic::new("lines").partitions(1))
        .await
        .unwrap();

    let mut options = options(kafka().await, Listener::SaslTls);
    options.insert("bootstrap.servers", cluster.bootstrap_of(Listener::Proxied));
    options.insert("reconnect.backoff.ms", "10");
    options.insert("reconnect.backoff.max.ms", "20");
    let broker = KafkaBroker::new(options).unwrap();
    let (mut producer, mut receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    // Slow enough for a cut between any two steps.
    cluster.proxy(0).delay(Duration::from_millis(5));
    const ROUNDS: u64 = 60;
    for round in 0..ROUNDS {
        let record = ProducerRecord::new(round, "lines", "v");
        producer.send(vec![record]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(round * 37 % 90)).await;
        cluster.proxy(0).cut();
    }
    cluster.proxy(0).heal();
    let reading = async {
        let mut seen = 0;
        while seen < ROUNDS {
            for receipt in receipts.next().await.unwrap() {
                receipt.outcome.unwrap();
                seen += receipt.tokens.end - receipt.tokens.start;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reading)
        .await
        .unwrap();
}
