//! Starts, disturbs and stops clusters.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use connect_core::sync::lock;

use super::ADMIN_PASSWORD;
use super::ADMIN_USER;
use super::Certificates;
use super::Listener;
use super::POWERLESS_PASSWORD;
use super::POWERLESS_USER;
use super::node::Node;
use super::node::run;
use super::properties::NodeProperties;
use super::source::Source;
use super::source::variable;
use crate::proxy::TcpProxy;

/// The number of tools that were run; each needs a unique name.
static TOOLS: AtomicUsize = AtomicUsize::new(0);

/// How often to try to start a cluster: another process may take one of its ports in between.
const ATTEMPTS: usize = 3;

/// A running Kafka of one or several nodes.
///
/// ```no_run
/// use connect_testkit::kafka::KafkaCluster;
///
/// let kafka = KafkaCluster::shared();
/// println!("bootstrap.servers={}", kafka.bootstrap());
/// ```
#[derive(Debug)]
pub struct KafkaCluster {
    nodes: Vec<Mutex<Node>>,
    bootstrap: BTreeMap<Listener, String>,
    proxies: Vec<TcpProxy>,
    certificates: Option<Certificates>,
    source: Option<Source>,
    folder: PathBuf,
}

impl KafkaCluster {
    /// Returns the broker of this test process: one node without security, started on first use. Tests
    /// share it, so each must use its own topics and groups and leave the broker running.
    ///
    /// # Panics
    /// If no Kafka can be started, with a message that says what to install.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<KafkaCluster> = OnceLock::new();
        SHARED.get_or_init(|| match variable("CONNECT_KAFKA_BOOTSTRAP") {
            Some(address) => Self {
                nodes: Vec::new(),
                bootstrap: BTreeMap::from([(Listener::Plain, address)]),
                proxies: Vec::new(),
                certificates: None,
                source: None,
                folder: PathBuf::new(),
            },
            None => Self::builder().start(),
        })
    }

    /// Returns a builder for a cluster of one test.
    pub fn builder() -> KafkaClusterBuilder {
        KafkaClusterBuilder::default()
    }

    /// The addresses of all nodes, without security, as `bootstrap.servers` takes them.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        self.bootstrap_of(Listener::Plain)
    }

    /// The addresses of a listener of all nodes.
    ///
    /// # Panics
    /// If the cluster was built without that listener.
    #[must_use]
    pub fn bootstrap_of(&self, listener: Listener) -> &str {
        match self.bootstrap.get(&listener) {
            Some(addresses) => addresses,
            None => panic!("the cluster was built without {listener:?}"),
        }
    }

    /// The certificates of a cluster with TLS.
    ///
    /// # Panics
    /// If the cluster was built without [`tls`](KafkaClusterBuilder::tls).
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        match &self.certificates {
            Some(certificates) => certificates,
            None => panic!("the cluster was built without TLS"),
        }
    }

    /// The proxy in front of a node, counted from 0.
    ///
    /// # Panics
    /// If the cluster was built without [`proxied`](KafkaClusterBuilder::proxied).
    #[must_use]
    pub fn proxy(&self, node: usize) -> &TcpProxy {
        match self.proxies.get(node) {
            Some(proxy) => proxy,
            None => panic!("the cluster was built without a proxy for node {node}"),
        }
    }

    /// Kills a node, counted from 0, with SIGKILL. Its data stays.
    ///
    /// # Panics
    /// If this harness did not start the node.
    pub fn kill(&self, node: usize) {
        self.node(node).end("KEEP");
    }

    /// Stops a node, counted from 0, cleanly. Its data stays.
    ///
    /// # Panics
    /// If this harness did not start the node.
    pub fn stop(&self, node: usize) {
        self.node(node).end("TERM");
    }

    /// Starts a node, counted from 0, again with its data and ports, and waits until it is ready. Kills
    /// it first if it runs.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self, node: usize) {
        let mut node = self.node(node);
        if node.is_running() {
            node.end("KEEP");
        }
        let mut problem = String::new();
        // Another process may have one of its ports, for a moment.
        for _ in 0..ATTEMPTS {
            let started = node.spawn().map_err(|error| error.to_string());
            match started.and_then(|()| node.wait_until_ready(1)) {
                Ok(()) => return,
                Err(error) => problem = error,
            }
            if node.is_running() {
                node.end("KEEP");
            }
        }
        panic!("{problem}");
    }

    /// Runs a Java class of Kafka, such as `org.apache.kafka.tools.TopicCommand`, and returns its
    /// output. Takes about a second.
    ///
    /// # Panics
    /// If the program fails, or if this harness did not start the cluster.
    #[must_use]
    pub fn tool(&self, class: &str, arguments: &[&str]) -> String {
        let source = self.source.as_ref().unwrap_or_else(|| no_harness());
        let number = TOOLS.fetch_add(1, Ordering::Relaxed);
        let name = format!("connect-testkit-tool-{}-{number}", std::process::id());
        let mut words = source.java(&self.folder, &name, &["-Xmx256m"], class);
        words.extend(arguments.iter().map(|&word| word.to_owned()));
        match run(&words) {
            Ok(output) => output,
            Err(problem) => panic!("{class} {arguments:?}: {problem}"),
        }
    }

    fn node(&self, index: usize) -> MutexGuard<'_, Node> {
        let node = self.nodes.get(index).unwrap_or_else(|| no_harness());
        lock(node)
    }
}

fn no_harness() -> ! {
    panic!("this needs a broker that the harness starts; unset CONNECT_KAFKA_BOOTSTRAP")
}

/// Configures a [`KafkaCluster`].
#[derive(Debug, Clone)]
#[must_use = "call `start`"]
pub struct KafkaClusterBuilder {
    nodes: usize,
    tls: bool,
    sasl: bool,
    proxied: bool,
    heap: String,
    extra: Vec<(String, String)>,
}

impl Default for KafkaClusterBuilder {
    fn default() -> Self {
        Self {
            nodes: 1,
            tls: false,
            sasl: false,
            proxied: false,
            heap: "1g".into(),
            extra: Vec::new(),
        }
    }
}

impl KafkaClusterBuilder {
    /// Sets the number of nodes, each broker and controller. Topics get as many replicas.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes.max(1);
        self
    }

    /// Adds listeners with TLS, and certificates.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Adds a listener with SASL, users and permissions.
    pub fn sasl(mut self) -> Self {
        self.sasl = true;
        self
    }

    /// Puts a proxy in front of each node.
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Sets the heap of each node, in the syntax of `-Xmx`.
    pub fn heap(mut self, heap: impl Into<String>) -> Self {
        self.heap = heap.into();
        self
    }

    /// Sets an option of the nodes, as in `server.properties`.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((key.into(), value.into()));
        self
    }

    /// Starts the cluster and waits until all nodes are ready.
    ///
    /// # Panics
    /// If no Kafka can be started, with a message that says what to install.
    #[must_use]
    pub fn start(&self) -> KafkaCluster {
        let source = Source::find();
        let mut problem = String::new();
        for _ in 0..ATTEMPTS {
            match self.try_start(&source) {
                Ok(cluster) => return cluster,
                Err(error) => problem = error.to_string(),
            }
        }
        panic!("{problem}");
    }

    fn listeners(&self) -> Vec<Listener> {
        let wanted = |listener: &Listener| match listener {
            Listener::Plain => true,
            Listener::Proxied => self.proxied,
            Listener::Sasl => self.sasl,
            Listener::SaslTls => self.sasl && self.tls,
            Listener::Tls | Listener::TlsExpired | Listener::TlsOtherHost => self.tls,
        };
        Listener::ALL.into_iter().filter(wanted).collect()
    }

    fn try_start(&self, source: &Source) -> Result<KafkaCluster, Box<dyn std::error::Error>> {
        let folder = tempfile::Builder::new()
            .prefix("connect-testkit-kafka-")
            .tempdir()?;
        let certificates_folder = folder.path().join("certificates");
        let certificates = self
            .tls
            .then(|| Certificates::make(&certificates_folder))
            .transpose()?;
        let kinds = self.listeners();
        let ports = free_ports(self.nodes * (kinds.len() + 1))?;
        let (controllers, ports) = ports.split_at(self.nodes);
        let mut bootstrap = BTreeMap::<Listener, Vec<String>>::new();
        let mut proxies = Vec::new();
        let mut nodes = Vec::new();
        for (index, ports) in ports.chunks(kinds.len()).enumerate() {
            let mut listeners = Vec::new();
            for (&listener, &bound) in kinds.iter().zip(ports) {
                let told = if listener == Listener::Proxied {
                    let proxy = TcpProxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, bound)))?;
                    let told = proxy.address().port();
                    proxies.push(proxy);
                    told
                } else {
                    bound
                };
                listeners.push((listener, bound, told));
                bootstrap
                    .entry(listener)
                    .or_default()
                    .push(format!("127.0.0.1:{told}"));
            }
            let id = index + 1;
            let port = ports.first().copied().unwrap_or_default();
            let node = Node::new(source.clone(), folder.path(), id, port, &self.heap);
            let properties = NodeProperties {
                id,
                nodes: self.nodes,
                listeners: &listeners,
                controllers,
                data: &folder.path().join(format!("data-{id}")),
                certificates: &certificates_folder,
                extra: &self.extra,
            };
            std::fs::write(node.properties(), properties.render())?;
            node.format(
                CLUSTER_ID,
                &if properties.has_sasl() {
                    scram_users()
                } else {
                    Vec::new()
                },
            )?;
            nodes.push(node);
        }
        // From here on the keepers of the nodes remove the folder.
        let folder = folder.keep();
        for node in &mut nodes {
            node.spawn()?;
        }
        for node in &mut nodes {
            node.wait_until_ready(self.nodes)?;
        }
        Ok(KafkaCluster {
            nodes: nodes.into_iter().map(Mutex::new).collect(),
            bootstrap: bootstrap
                .into_iter()
                .map(|(key, list)| (key, list.join(",")))
                .collect(),
            proxies,
            certificates,
            source: Some(source.clone()),
            folder,
        })
    }
}

/// The id of every cluster of this harness: 16 bytes in URL-safe base64.
const CLUSTER_ID: &str = "Y29ubmVjdC10ZXN0a2l0AA";

fn scram_users() -> Vec<String> {
    let users = [
        (ADMIN_USER, ADMIN_PASSWORD),
        (POWERLESS_USER, POWERLESS_PASSWORD),
    ];
    let mut words = Vec::new();
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for (name, password) in users {
            words.push("--add-scram".to_owned());
            words.push(format!("{mechanism}=[name={name},password={password}]"));
        }
    }
    words
}

/// Returns ports that are free at the moment.
fn free_ports(count: usize) -> std::io::Result<Vec<u16>> {
    let listeners = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<std::io::Result<Vec<_>>>()?;
    listeners
        .iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}
