//! The configuration of a node.

use std::fmt::Write as _;
use std::path::Path;

use super::ADMIN_PASSWORD;
use super::ADMIN_USER;
use super::POWERLESS_PASSWORD;
use super::POWERLESS_USER;

/// A listener of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Listener {
    /// No encryption, no authentication. Always there.
    Plain,
    /// As `Plain`, through the cluster's [`TcpProxy`](crate::proxy::TcpProxy).
    Proxied,
    /// SASL with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER (unsecured tokens).
    Sasl,
    /// SASL over TLS.
    SaslTls,
    /// TLS with a certificate for `localhost` and 127.0.0.1.
    Tls,
    /// TLS with a certificate that has expired.
    TlsExpired,
    /// TLS with a certificate for another host.
    TlsOtherHost,
}

impl Listener {
    pub(super) const ALL: [Self; 7] = [
        Self::Plain,
        Self::Proxied,
        Self::Sasl,
        Self::SaslTls,
        Self::Tls,
        Self::TlsExpired,
        Self::TlsOtherHost,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAINTEXT",
            Self::Proxied => "PROXIED",
            Self::Sasl => "SASL",
            Self::SaslTls => "SASLTLS",
            Self::Tls => "TLS",
            Self::TlsExpired => "TLSEXPIRED",
            Self::TlsOtherHost => "TLSOTHERHOST",
        }
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::Plain | Self::Proxied => "PLAINTEXT",
            Self::Sasl => "SASL_PLAINTEXT",
            Self::SaslTls => "SASL_SSL",
            Self::Tls | Self::TlsExpired | Self::TlsOtherHost => "SSL",
        }
    }

    /// The file with certificate and key of a listener with TLS.
    pub(super) fn keystore(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Proxied | Self::Sasl => None,
            Self::SaslTls | Self::Tls => Some("server.pem"),
            Self::TlsExpired => Some("expired.pem"),
            Self::TlsOtherHost => Some("other-host.pem"),
        }
    }
}

/// The values that the configuration of one node is generated from.
#[derive(Debug)]
pub(super) struct NodeProperties<'a> {
    pub(super) id: usize,
    pub(super) nodes: usize,
    /// Listeners with the port that the node binds and the port that clients are told.
    pub(super) listeners: &'a [(Listener, u16, u16)],
    /// The controller ports of all nodes.
    pub(super) controllers: &'a [u16],
    pub(super) data: &'a Path,
    pub(super) certificates: &'a Path,
    pub(super) extra: &'a [(String, String)],
}

impl NodeProperties<'_> {
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        let mut set = |key: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key}={value}");
        };
        let controller = self
            .controllers
            .get(self.id - 1)
            .copied()
            .unwrap_or_default();
        let join = |each: &dyn Fn(Listener, u16, u16) -> String| {
            self.listeners
                .iter()
                .map(|&(listener, bound, told)| each(listener, bound, told))
                .collect::<Vec<_>>()
                .join(",")
        };
        let bound = join(&|listener, bound, _| format!("{}://127.0.0.1:{bound}", listener.name()));
        let told = join(&|listener, _, told| format!("{}://127.0.0.1:{told}", listener.name()));
        let protocols =
            join(&|listener, _, _| format!("{}:{}", listener.name(), listener.protocol()));
        let voters = self.controllers.iter().enumerate();
        let voters: Vec<_> = voters
            .map(|(i, port)| format!("{}@127.0.0.1:{port}", i + 1))
            .collect();
        set("process.roles", "broker,controller");
        set("node.id", &self.id.to_string());
        set("controller.quorum.voters", &voters.join(","));
        set(
            "listeners",
            &format!("{bound},CONTROLLER://127.0.0.1:{controller}"),
        );
        set("advertised.listeners", &told);
        set(
            "listener.security.protocol.map",
            &format!("{protocols},CONTROLLER:PLAINTEXT"),
        );
        set("controller.listener.names", "CONTROLLER");
        set("inter.broker.listener.name", Listener::Plain.name());
        set("log.dirs", &self.data.display().to_string());
        let replicas = self.nodes.to_string();
        let in_sync = self.nodes.min(2).to_string();
        set("default.replication.factor", &replicas);
        set("min.insync.replicas", &in_sync);
        set("offsets.topic.num.partitions", "5");
        set("offsets.topic.replication.factor", &replicas);
        set("transaction.state.log.num.partitions", "5");
        set("transaction.state.log.replication.factor", &replicas);
        set("transaction.state.log.min.isr", &in_sync);
        set(
            "share.coordinator.state.topic.replication.factor",
            &replicas,
        );
        set("share.coordinator.state.topic.min.isr", &in_sync);
        set("group.initial.rebalance.delay.ms", "0");
        set("group.min.session.timeout.ms", "500");
        set("auto.create.topics.enable", "false");
        // A killed node may register again only after its old session is over.
        set("broker.session.timeout.ms", "3000");
        set("broker.heartbeat.interval.ms", "500");
        if self.has_sasl() {
            self.sasl(&mut set);
        }
        for &(listener, ..) in self.listeners {
            let Some(file) = listener.keystore() else {
                continue;
            };
            let prefix = format!(
                "listener.name.{}.ssl.keystore",
                listener.name().to_lowercase()
            );
            set(&format!("{prefix}.type"), "PEM");
            let path = self.certificates.join(file);
            set(&format!("{prefix}.location"), &path.display().to_string());
        }
        for (key, value) in self.extra {
            set(key, value);
        }
        text
    }

    /// True if a listener authenticates users; then the node also has an authorizer.
    pub(super) fn has_sasl(&self) -> bool {
        self.listeners
            .iter()
            .any(|(listener, ..)| listener.protocol().starts_with("SASL"))
    }

    fn sasl(&self, set: &mut dyn FnMut(&str, &str)) {
        for &(listener, ..) in self.listeners {
            if !listener.protocol().starts_with("SASL") {
                continue;
            }
            let prefix = format!("listener.name.{}", listener.name().to_lowercase());
            set(
                &format!("{prefix}.sasl.enabled.mechanisms"),
                "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            );
            let module = "org.apache.kafka.common.security";
            set(
                &format!("{prefix}.plain.sasl.jaas.config"),
                &format!(
                    "{module}.plain.PlainLoginModule required \
                     user_{ADMIN_USER}=\"{ADMIN_PASSWORD}\" \
                     user_{POWERLESS_USER}=\"{POWERLESS_PASSWORD}\";"
                ),
            );
            for mechanism in ["scram-sha-256", "scram-sha-512"] {
                set(
                    &format!("{prefix}.{mechanism}.sasl.jaas.config"),
                    &format!("{module}.scram.ScramLoginModule required;"),
                );
            }
            set(
                &format!("{prefix}.oauthbearer.sasl.jaas.config"),
                &format!(
                    "{module}.oauthbearer.OAuthBearerLoginModule required \
                     unsecuredLoginStringClaim_sub=\"{ADMIN_USER}\";"
                ),
            );
        }
        set(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        );
        set("super.users", &format!("User:ANONYMOUS;User:{ADMIN_USER}"));
    }
}
