use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::ConsumerOptions;
use connect_broker::ProducerOptions;
use connect_broker::Subscription;

use super::*;
use crate::KafkaBroker;

fn settings(role: Role, own: &[(&str, &str)]) -> Result<Settings, BrokerError> {
    translate(role, &ConfigMap::new(), &own.iter().copied().collect())
}

#[test]
fn the_table_is_ordered_and_has_each_option_once() {
    assert!(options().is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn librdkafka_knows_what_is_passed_on() {
    let is_known = |name: &str| {
        let refused = ClientConfig::new()
            .set(name, "1")
            .create_native_config()
            .err();
        // Others are refused for their value, or because they are not part of this build.
        refused.is_none_or(|error| !error.to_string().contains("No such configuration property"))
    };
    for option in options() {
        match option.treatment {
            Treatment::Same => assert!(is_known(option.name), "{}", option.name),
            Treatment::Renamed(name) => assert!(is_known(name), "{name}"),
            _ => {}
        }
    }
    assert!(!is_known("no.such.option"));
}

#[test]
fn options_become_librdkafkas() {
    use Role::Admin;
    use Role::Consumer;
    use Role::Producer;
    type Pairs = &'static [(&'static str, &'static str)];
    let table: &[(Role, Pairs, Pairs)] = &[
        (
            Producer,
            &[("acks", "all"), ("batch.size", "7")],
            &[("acks", "all"), ("batch.size", "7")],
        ),
        (
            Producer,
            &[("max.request.size", "2000")],
            &[("message.max.bytes", "2000")],
        ),
        (Consumer, &[("max.request.size", "2000")], &[]),
        (
            Producer,
            &[("partitioner.ignore.keys", "true")],
            &[("partitioner", "random")],
        ),
        (
            Producer,
            &[
                ("compression.type", "zstd"),
                ("compression.zstd.level", "5"),
            ],
            &[("compression.type", "zstd"), ("compression.level", "5")],
        ),
        (
            Producer,
            &[("compression.type", "lz4"), ("compression.zstd.level", "5")],
            &[("compression.type", "lz4")],
        ),
        (
            Producer,
            &[("request.timeout.ms", "50")],
            &[("request.timeout.ms", "50"), ("socket.timeout.ms", "50")],
        ),
        (
            Admin,
            &[("request.timeout.ms", "50")],
            &[("socket.timeout.ms", "50")],
        ),
        (Admin, &[("retries", "5")], &[]),
        (
            Admin,
            &[("send.buffer.bytes", "-1")],
            &[("socket.send.buffer.bytes", "0")],
        ),
        (
            Consumer,
            &[("fetch.max.wait.ms", "5")],
            &[("fetch.wait.max.ms", "5")],
        ),
        (
            Consumer,
            &[("fetch.max.bytes", "7")],
            &[("fetch.max.bytes", "1000"), ("message.max.bytes", "1000")],
        ),
        (
            Consumer,
            &[("fetch.max.bytes", "2147483647")],
            &[
                ("fetch.max.bytes", "2147483135"),
                ("message.max.bytes", "1000000"),
            ],
        ),
        (
            Admin,
            &[("metadata.max.age.ms", " 9000 ")],
            &[("topic.metadata.refresh.interval.ms", "9000")],
        ),
        (
            Admin,
            &[("connections.max.idle.ms", "-1")],
            &[("connections.max.idle.ms", "0")],
        ),
        (
            Producer,
            &[
                ("compression.type", "zstd"),
                ("compression.zstd.level", "22"),
            ],
            &[("compression.type", "zstd"), ("compression.level", "12")],
        ),
        (
            Consumer,
            &[("auto.offset.reset", "none")],
            &[("auto.offset.reset", "error")],
        ),
        (
            Consumer,
            &[("key.deserializer", "x.StringDeserializer")],
            &[],
        ),
        (Consumer, &[("enable.auto.commit", "true")], &[]),
        (
            Consumer,
            &[(
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.RangeAssignor, \
                 org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
            )],
            &[("partition.assignment.strategy", "range")],
        ),
        (
            Consumer,
            &[(
                "partition.assignment.strategy",
                "x.CooperativeStickyAssignor",
            )],
            &[("partition.assignment.strategy", "cooperative-sticky")],
        ),
        (
            Admin,
            &[("security.protocol", "SASL_SSL")],
            &[("security.protocol", "sasl_ssl")],
        ),
        (
            Admin,
            &[("ssl.endpoint.identification.algorithm", "")],
            &[("ssl.endpoint.identification.algorithm", "none")],
        ),
        (
            Admin,
            &[("ssl.truststore.certificates", "PEM")],
            &[("ssl.ca.pem", "PEM")],
        ),
        (
            Admin,
            &[("ssl.cipher.suites", "TLS_AES_128_GCM_SHA256")],
            &[],
        ),
        (
            Admin,
            &[
                ("sasl.mechanism", "SCRAM-SHA-512"),
                (
                    "sasl.jaas.config",
                    "x.ScramLoginModule required username=a password=\"b c\";",
                ),
            ],
            &[
                ("sasl.mechanism", "SCRAM-SHA-512"),
                ("sasl.password", "b c"),
                ("sasl.username", "a"),
            ],
        ),
        (
            Admin,
            &[(
                "sasl.jaas.config",
                "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=alice;",
            )],
            &[
                ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
                ("sasl.mechanism", "OAUTHBEARER"),
                ("sasl.oauthbearer.config", "principal=alice"),
            ],
        ),
        (
            Admin,
            &[
                (
                    "sasl.jaas.config",
                    "x.OAuthBearerLoginModule required clientId=i clientSecret=s;",
                ),
                ("sasl.mechanism", "OAUTHBEARER"),
                ("sasl.oauthbearer.token.endpoint.url", "https://idp/token"),
            ],
            &[
                ("sasl.mechanism", "OAUTHBEARER"),
                ("sasl.oauthbearer.client.id", "i"),
                ("sasl.oauthbearer.client.secret", "s"),
                ("sasl.oauthbearer.method", "oidc"),
                ("sasl.oauthbearer.token.endpoint.url", "https://idp/token"),
            ],
        ),
        (
            Admin,
            &[(
                "sasl.oauthbearer.jwt.retriever.class",
                "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever",
            )],
            &[],
        ),
        (
            Admin,
            &[(
                "sasl.oauthbearer.jwt.retriever.class",
                "org.apache.kafka.common.security.oauthbearer.JwtBearerJwtRetriever",
            )],
            &[(
                "sasl.oauthbearer.grant.type",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            )],
        ),
        (
            Admin,
            &[
                ("sasl.kerberos.kinit.cmd", "/opt/kinit"),
                (
                    "sasl.jaas.config",
                    "x.Krb5LoginModule required serviceName=kafka keyTab=\"/k\" principal=p;",
                ),
            ],
            &[
                (
                    "sasl.kerberos.kinit.cmd",
                    "/opt/kinit -R -t \"%{sasl.kerberos.keytab}\" \
                     -k %{sasl.kerberos.principal} || /opt/kinit \
                     -t \"%{sasl.kerberos.keytab}\" -k %{sasl.kerberos.principal}",
                ),
                ("sasl.kerberos.keytab", "/k"),
                ("sasl.kerberos.principal", "p"),
                ("sasl.kerberos.service.name", "kafka"),
            ],
        ),
        (
            Admin,
            &[("sasl.kerberos.kinit.cmd", " kinit -f me ")],
            &[("sasl.kerberos.kinit.cmd", "kinit -f me")],
        ),
        (
            Admin,
            &[("librdkafka.debug", "broker")],
            &[("debug", "broker")],
        ),
        (Admin, &[("no.such.option", "1")], &[]),
    ];
    for (role, given, expected) in table {
        let config = settings(*role, given).unwrap().config;
        for (name, value) in *expected {
            assert_eq!(config.get(name), Some(*value), "{given:?}: {name}");
        }
        assert_eq!(
            config.config_map().len(),
            expected.len(),
            "{given:?}: {config:?}"
        );
    }
}

#[test]
fn some_options_are_read_here() {
    let settings = settings(
        Role::Consumer,
        &[
            ("group.id", "g"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "latest"),
            ("max.poll.records", "9"),
            ("max.poll.interval.ms", "1000"),
            ("metadata.max.age.ms", "2000"),
            ("default.api.timeout.ms", "3000"),
        ],
    )
    .unwrap();
    assert_eq!(settings.group.as_deref(), Some("g"));
    assert_eq!(settings.isolation, Some(Isolation::ReadCommitted));
    assert_eq!(settings.start, Some(StartOffset::Latest));
    assert_eq!(settings.max_poll_records, Some(9));
    assert_eq!(settings.max_poll_interval, Some(Duration::from_secs(1)));
    assert_eq!(settings.metadata_max_age, Some(Duration::from_secs(2)));
    assert_eq!(settings.api_timeout, Duration::from_secs(3));
}

#[test]
fn bad_values_and_java_classes_are_refused_by_name() {
    let table = [
        (Role::Producer, "interceptor.classes", "x.Y"),
        (Role::Producer, "partitioner.class", "x.Y"),
        (Role::Producer, "transactional.id", "x"),
        (Role::Producer, "buffer.memory", "much"),
        (Role::Producer, "batch.size", "-1"),
        (Role::Producer, "max.request.size", "2147483648"),
        (Role::Producer, "compression.lz4.level", "0"),
        (Role::Consumer, "max.poll.records", "0"),
        (Role::Consumer, "fetch.min.bytes", ""),
        (Role::Consumer, "auto.offset.reset", "by_duration:PT1H"),
        (Role::Consumer, "isolation.level", "read_all"),
        (
            Role::Consumer,
            "partition.assignment.strategy",
            "x.StickyAssignor",
        ),
        (Role::Admin, "sasl.client.callback.handler.class", "x.Y"),
        (Role::Admin, "sasl.login.callback.handler.class", "x.Y"),
        (
            Role::Admin,
            "sasl.oauthbearer.jwt.retriever.class",
            "org.apache.kafka.common.security.oauthbearer.FileJwtRetriever",
        ),
        (
            Role::Admin,
            "sasl.oauthbearer.token.endpoint.url",
            "file:///token",
        ),
        (Role::Admin, "ssl.engine.factory.class", "x.Y"),
        (Role::Admin, "ssl.truststore.location", "/no/such/file"),
        (
            Role::Admin,
            "sasl.jaas.config",
            "x.LdapLoginModule required;",
        ),
    ];
    for (role, name, value) in table {
        let error = settings(role, &[(name, value)]).unwrap_err();
        assert!(matches!(error, BrokerError::InvalidOption(_)), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    for name in ["interceptor.classes", "partitioner.class"] {
        assert!(settings(Role::Producer, &[(name, "")]).is_ok(), "{name}");
    }
}

#[test]
fn own_options_override_and_a_workers_group_is_not_a_consumers() {
    let shared = config_map! {
        "bootstrap.servers" => "a:1", "group.id" => "worker", "client.id" => "worker",
        "session.timeout.ms" => 1, "batch.size" => 1, "retry.backoff.ms" => 1, "plugin.path" => "x",
    };
    let own = config_map! { "batch.size" => 2, "client.id" => "own", "linger.ms" => 3 };
    let producer = translate(Role::Producer, &shared, &own).unwrap();
    assert_eq!(producer.linger, Duration::from_millis(3));
    let expected = [
        ("batch.size", "2"),
        ("bootstrap.servers", "a:1"),
        ("client.id", "own"),
        ("retry.backoff.ms", "1"),
    ];
    assert_eq!(
        producer.config.config_map().into_iter().collect::<Vec<_>>(),
        expected
    );
    let consumer = translate(Role::Consumer, &shared, &ConfigMap::new()).unwrap();
    assert_eq!(
        (consumer.group, consumer.config.get("session.timeout.ms")),
        (None, None)
    );
}

#[test]
fn another_cluster_does_not_get_the_workers_login() {
    let shared = config_map! {
        "bootstrap.servers" => "a:1", "security.protocol" => "SASL_SSL", "ssl.key.password" => "x",
        "sasl.jaas.config" => "x.PlainLoginModule required username=a password=b;",
    };
    let names = |role, servers: &str| {
        let own = config_map! { "bootstrap.servers" => servers };
        let config = translate(role, &shared, &own).unwrap().config;
        let mut names: Vec<_> = config.config_map().into_keys().collect();
        names.sort_unstable();
        names.join(" ")
    };
    let all = "bootstrap.servers sasl.mechanism sasl.password sasl.username security.protocol \
               ssl.key.password";
    for role in [Role::Consumer, Role::Producer] {
        assert_eq!(names(role, "b:1"), "bootstrap.servers");
        assert_eq!(names(role, "a:1"), all);
    }
    assert_eq!(names(Role::Admin, "b:1"), all, "as in Java");
    let own = config_map! { "sasl.jaas.config" => "x" };
    let missing = ["security.protocol", "ssl.key.password"];
    assert_eq!(login::missing(&shared, &own), missing);
}

#[test]
fn the_likely_name_of_an_unknown_option_is_found() {
    assert_eq!(likely("acsk"), None);
    assert_eq!(likely("compresion.type"), Some("compression.type"));
    assert_eq!(likely("delivery.timeout"), Some("delivery.timeout.ms"));
}

/// Makes a client of a cluster that cannot be reached.
async fn create(role: Role, own: &[(&str, &str)]) -> Result<(), BrokerError> {
    let broker = KafkaBroker::new(config_map! { "bootstrap.servers" => "127.0.0.1:1" })?;
    let own: ConfigMap = own.iter().copied().collect();
    match role {
        Role::Admin => {
            let mut options = AdminOptions::default();
            options.client_config = own;
            broker.admin(options).await.map(drop)
        }
        Role::Consumer => {
            let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
            options.group = Some("g".into());
            options.client_config = own;
            broker.consumer(options).await.map(drop)
        }
        Role::Producer => {
            let mut options = ProducerOptions::default();
            options.client_config = own;
            broker.producer(options).await.map(drop)
        }
    }
}

#[tokio::test]
async fn a_client_takes_every_number_that_java_takes() {
    for option in options() {
        let Some(Numbers { java, here }) = option.numbers else {
            continue;
        };
        assert!(here.0 <= here.1, "{}", option.name);
        for value in [java.0, here.0, here.1, java.1] {
            let value = value.to_string();
            let mut own = vec![(option.name, &*value)];
            match option.name.split('.').collect::<Vec<_>>()[..] {
                ["compression", kind, "level"] => own.push(("compression.type", kind)),
                // As in Java, these cannot be combined with idempotence.
                ["max", "in", ..] | ["retries"] => own.push(("enable.idempotence", "false")),
                _ => {}
            }
            for role in [Role::Admin, Role::Consumer, Role::Producer] {
                let result = create(role, &own).await;
                let absent = |error: &BrokerError| error.to_string().contains("at build time");
                let result = result.or_else(|error| absent(&error).then_some(()).ok_or(error));
                result.unwrap_or_else(|error| panic!("{role:?} {own:?}: {error}"));
            }
        }
    }
}

#[test]
fn connections_are_retried_as_soon_as_in_java() {
    for (base, max, expected) in [
        (None, None, ["50", "1000"]),
        (Some("5000"), None, ["5000", "5000"]),
        (None, Some("20"), ["20", "20"]),
        (None, Some("9000"), ["50", "9000"]),
        (Some("5000"), Some("100"), ["100", "100"]),
    ] {
        let names = ["reconnect.backoff.ms", "reconnect.backoff.max.ms"];
        let given = names.into_iter().zip([base, max]);
        let given = given.filter_map(|(name, value)| Some((name, value?)));
        let mut settings = settings(Role::Admin, &given.collect::<Vec<_>>()).unwrap();
        settings.reconnect_soon();
        let set = names.map(|name| settings.config.get(name).unwrap());
        assert_eq!(set, expected, "{base:?} {max:?}");
    }
}

#[tokio::test]
async fn requests_wait_no_longer_than_their_transaction() {
    for (shared, own) in [
        (None, "transaction.timeout.ms"),
        (Some("request.timeout.ms"), "max.request.size"),
        (Some("request.timeout.ms"), "transaction.timeout.ms"),
        (Some("request.timeout.ms"), "delivery.timeout.ms"),
    ] {
        for value in ["1000", "2147483647"] {
            let mut shared: ConfigMap = shared.map(|name| (name, "300000")).into_iter().collect();
            shared.insert("bootstrap.servers", "127.0.0.1:1");
            let broker = KafkaBroker::new(shared).unwrap();
            let mut options = ProducerOptions::default();
            options.transactional_id = Some("id".into());
            options.client_config = config_map! { own => value, "max.block.ms" => 1 };
            let error = broker.producer(options).await.err().unwrap();
            let is_invalid = matches!(error, BrokerError::InvalidOption(_));
            assert!(!is_invalid, "{own} {value}: {error}");
        }
    }
    let broker = config_map! { "bootstrap.servers" => "127.0.0.1:1" };
    let mut options = AdminOptions::default();
    options.client_config =
        config_map! { "request.timeout.ms" => 300_000, "default.api.timeout.ms" => 1 };
    let admin = KafkaBroker::new(broker).unwrap().admin(options).await;
    let fenced = admin.unwrap().fence_producers(&["id".into()]).await;
    let error = fenced.err().unwrap();
    assert!(!matches!(error, BrokerError::InvalidOption(_)), "{error}");
}

#[tokio::test]
async fn values_are_read_in_any_case_as_in_java() {
    for (name, value) in [
        ("allow.auto.create.topics", "FALSE"),
        ("check.crcs", "True"),
        ("client.rack", ""),
        ("enable.idempotence", "TRUE"),
        ("enable.metrics.push", "False"),
        ("group.protocol", "CONSUMER"),
        ("metadata.recovery.strategy", "REBOOTSTRAP"),
        ("security.protocol", "Plaintext"),
    ] {
        for role in [Role::Admin, Role::Consumer, Role::Producer] {
            let result = create(role, &[(name, value)]).await;
            result.unwrap_or_else(|error| panic!("{role:?} {name}={value}: {error}"));
        }
    }
}

#[tokio::test]
async fn a_missing_feature_of_the_build_is_named() {
    for (feature, is_there, more) in [
        ("gssapi", build::HAS_KERBEROS, &[][..]),
        (
            "oidc",
            build::HAS_OIDC,
            &[
                ("sasl.mechanism", "OAUTHBEARER"),
                ("sasl.oauthbearer.token.endpoint.url", "https://idp/token"),
            ],
        ),
    ] {
        let own = [("security.protocol", "SASL_SSL")].iter().chain(more);
        let own: Vec<_> = own.copied().collect();
        if !is_there {
            let error = create(Role::Admin, &own).await.unwrap_err().to_string();
            assert!(error.contains(&format!("the feature {feature}")), "{error}");
        }
    }
}
