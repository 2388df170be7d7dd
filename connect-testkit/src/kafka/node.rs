//! One process of Kafka.

use std::fs;
use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use super::source::Source;
use super::wire;

/// How long to wait until a node is ready. A busy machine needs more than a minute.
const READY_TIMEOUT: Duration = Duration::from_secs(240);

/// How long to wait for one reply of a node.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The shell that runs a node waits for a word on its standard input. `TERM` stops the node cleanly.
/// Any other word, and the end of the input, kills it; `KEEP` and `TERM` keep the cluster's folder,
/// everything else removes it. So nothing stays if this process dies.
const KEEPER: &str = r#"
folder=$1; log=$2; shift 2
"$@" </dev/null >>"$log" 2>&1 &
pid=$!
word=DEATH
read -r word
if [ "$word" = TERM ]; then TERMINATE; else KILL; fi
wait $pid
case $word in TERM|KEEP) ;; *) rm -rf "$folder" ;; esac
"#;

/// A node that runs or can be started (again).
#[derive(Debug)]
pub(super) struct Node {
    source: Source,
    /// The folder of the cluster.
    folder: PathBuf,
    properties: PathBuf,
    log: PathBuf,
    port: u16,
    heap: String,
    name: String,
    keeper: Option<Child>,
}

impl Node {
    pub(super) fn new(source: Source, folder: &Path, id: usize, port: u16, heap: &str) -> Self {
        Self {
            source,
            folder: folder.to_path_buf(),
            properties: folder.join(format!("server-{id}.properties")),
            log: folder.join(format!("server-{id}.log")),
            port,
            heap: heap.to_owned(),
            name: format!("connect-testkit-{}-{port}", std::process::id()),
            keeper: None,
        }
    }

    pub(super) fn properties(&self) -> &Path {
        &self.properties
    }

    /// Formats the data folder.
    pub(super) fn format(&self, cluster_id: &str, more: &[String]) -> Result<(), String> {
        let jvm = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        let mut words = self
            .source
            .java(&self.folder, &self.name, &jvm, "kafka.tools.StorageTool");
        words.extend(["format", "-t", cluster_id, "-c"].map(str::to_owned));
        words.push(self.properties.display().to_string());
        words.extend_from_slice(more);
        run(&words).map(drop)
    }

    /// Starts the process, without waiting until it is ready.
    pub(super) fn spawn(&mut self) -> std::io::Result<()> {
        let log4j = self.folder.join("log4j2.yaml");
        if !log4j.exists() {
            fs::write(&log4j, LOG4J)?;
        }
        File::create(&self.log)?;
        let log4j = format!("-Dlog4j2.configurationFile={}", log4j.display());
        let heap = format!("-Xmx{}", self.heap);
        let jvm = [
            heap.as_str(),
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            &log4j,
        ];
        let mut words = self
            .source
            .java(&self.folder, &self.name, &jvm, "kafka.Kafka");
        words.push(self.properties.display().to_string());
        let script = KEEPER
            .replace("TERMINATE", &self.source.kill_words(&self.name, "TERM"))
            .replace("KILL", &self.source.kill_words(&self.name, "KILL"));
        let keeper = Command::new("sh")
            .args(["-c", &script, "kafka-keeper"])
            .arg(&self.folder)
            .arg(&self.log)
            .args(&words)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.keeper = Some(keeper);
        Ok(())
    }

    /// Waits until the node knows `brokers` brokers.
    ///
    /// Fails at once if the process has ended.
    pub(super) fn wait_until_ready(&mut self, brokers: usize) -> Result<(), String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let begin = Instant::now();
        loop {
            match wire::count_brokers(address, REPLY_TIMEOUT) {
                Ok(count) if count >= brokers => return Ok(()),
                Ok(_) | Err(_) if begin.elapsed() < READY_TIMEOUT && !self.has_failed() => {
                    std::thread::park_timeout(Duration::from_millis(50));
                }
                reply => {
                    let log = fs::read_to_string(&self.log).unwrap_or_default();
                    let seconds = begin.elapsed().as_secs();
                    let state = match reply {
                        Ok(count) => format!("it knows {count} of {brokers} brokers"),
                        Err(error) => format!("it does not reply ({error})"),
                    };
                    return Err(format!(
                        "the Kafka node on port {} is not ready after {seconds} s: {state}; its \
                         log:\n{log}",
                        self.port
                    ));
                }
            }
        }
    }

    /// True once the log shows that the node failed to start.
    fn has_failed(&self) -> bool {
        fs::read_to_string(&self.log).is_ok_and(|log| {
            log.contains("Exiting Kafka") || log.contains("Exception in thread \"main\"")
        })
    }

    pub(super) fn is_running(&self) -> bool {
        self.keeper.is_some()
    }

    /// Ends the process with a word for its keeper: see [`KEEPER`].
    pub(super) fn end(&mut self, word: &str) {
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        if let Some(mut input) = keeper.stdin.take() {
            // A keeper that has ended needs no word.
            let _ = writeln!(input, "{word}");
        }
        let _ = keeper.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end("FORGET");
    }
}

/// Runs a program to its end and returns its output.
pub(super) fn run(words: &[String]) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("nothing to run")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(out);
    }
    Err(format!(
        "{}: {out}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    ))
}

const LOG4J: &str = "Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: '[%d] %p %m (%c)%n'
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: out
    Logger:
      name: kafka.server.BrokerServer
      level: INFO
";
