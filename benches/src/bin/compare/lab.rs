//! What all runs share: the broker, the lines, the programs and their configuration files.

use std::fs;
use std::fs::File;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use connect_benches::lines::Lines;
use connect_testkit::kafka::KafkaCluster;
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::admin::AdminOptions;
use rdkafka::admin::NewTopic;
use rdkafka::admin::TopicReplication;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use tempfile::TempDir;

use crate::bare;
use crate::contender::Contender;
use crate::contender::Direction;
use crate::measure::Run;
use crate::measure::watch;

/// The topic that the runs from Kafka to a file read.
const FULL: &str = "full";

/// The options of Kafka's own start script.
const JVM: &str = "-server -Xms256M -Xmx2G -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true";

pub(crate) struct Lab {
    kafka: KafkaCluster,
    folder: TempDir,
    /// The `connect` program.
    connect: PathBuf,
    /// The folder with the jars of Kafka Connect.
    jars: PathBuf,
    input: PathBuf,
    lines: u64,
    bytes: u64,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Lab {
    /// Builds, fetches and starts everything.
    pub(crate) fn set_up(lines: u64) -> Self {
        let target = target_folder();
        let connect = build_connect(&target);
        let jars = fetch_java(&target.join("kafka-connect-jars"));
        let kafka = KafkaCluster::builder().start();
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.txt");
        Lines::new(1)
            .write_to(lines, &mut File::create(&input).unwrap())
            .unwrap();
        fs::write(folder.path().join("log4j2.properties"), LOG4J).unwrap();
        let lab = Self {
            folder,
            connect,
            jars,
            bytes: fs::metadata(&input).unwrap().len(),
            input,
            lines,
            admin: ClientConfig::new()
                .set("bootstrap.servers", kafka.bootstrap())
                .create()
                .unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            kafka,
        };
        lab.create(FULL);
        let file = lab.input.display().to_string();
        bare::produce(lab.kafka.bootstrap(), FULL, &file);
        lab
    }

    /// One run, with a target of its own.
    pub(crate) fn run(&self, contender: Contender, direction: Direction, round: usize) -> Run {
        let name = format!("{direction:?}-{contender:?}-{round}");
        let folder = self.folder.path().join(&name);
        fs::create_dir(&folder).unwrap();
        let output = folder.join("out.txt");
        let log = folder.join("log");
        let mut command = self.command(contender, direction, &name, &folder);
        if contender == Contender::Kcat && direction == Direction::KafkaToFile {
            command.stdout(File::create(&output).unwrap());
        } else {
            command.stdout(File::create(folder.join("stdout")).unwrap());
        }
        let run = match direction {
            Direction::FileToKafka => {
                self.create(&name);
                let observer = self.observer(&name);
                let end = || end(&observer, &name).unwrap();
                let run = watch(&mut command, &log, (self.lines, self.lines), end);
                assert!(end() <= self.lines, "{name}: lines came twice");
                let deleting = self.admin.delete_topics(&[&name], &AdminOptions::new());
                self.runtime.block_on(deleting).unwrap();
                run
            }
            Direction::KafkaToFile => {
                let size = || fs::metadata(&output).map_or(0, |file| file.len());
                let run = watch(&mut command, &log, (self.bytes, self.lines), size);
                assert!(
                    fs::read(&output).unwrap() == fs::read(&self.input).unwrap(),
                    "{name}: other lines came out"
                );
                run
            }
        };
        fs::remove_dir_all(&folder).unwrap();
        run
    }

    fn command(
        &self,
        contender: Contender,
        direction: Direction,
        name: &str,
        folder: &Path,
    ) -> Command {
        let address = self.kafka.bootstrap();
        let output = folder.join("out.txt");
        match contender {
            Contender::Connect => {
                let mut command = Command::new(&self.connect);
                command.args(["--log", "warn", "standalone"]);
                command.args(self.files(direction, name, folder));
                command
            }
            Contender::Java => {
                let mut command = Command::new("java");
                let log4j = self.folder.path().join("log4j2.properties");
                command
                    .args(JVM.split_whitespace())
                    .arg(format!("-Dlog4j2.configurationFile={}", log4j.display()))
                    .args(["-cp", &format!("{}/libs/*", self.jars.display())])
                    .arg("org.apache.kafka.connect.cli.ConnectStandalone")
                    .args(self.files(direction, name, folder));
                command
            }
            Contender::Bare | Contender::BareAgain => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                match direction {
                    Direction::FileToKafka => command
                        .args(["bare-produce", address, name])
                        .arg(&self.input),
                    Direction::KafkaToFile => command
                        .args(["bare-consume", address, FULL])
                        .arg(&output)
                        .arg(self.lines.to_string()),
                };
                command
            }
            Contender::Kcat => {
                let mut command = Command::new("kcat");
                match direction {
                    Direction::FileToKafka => command
                        .args(["-P", "-b", address, "-t", name, "-l"])
                        .arg(&self.input),
                    Direction::KafkaToFile => {
                        command.args(["-C", "-b", address, "-t", FULL, "-p", "0"]);
                        command.args(["-o", "beginning", "-e", "-q"])
                    }
                };
                command
            }
        }
    }

    /// Writes the files of worker and connector, which are the same for both workers.
    fn files(&self, direction: Direction, name: &str, folder: &Path) -> [PathBuf; 2] {
        let strings = "org.apache.kafka.connect.storage.StringConverter";
        let worker = format!(
            "bootstrap.servers={}\nkey.converter={strings}\nvalue.converter={strings}\n\
             offset.storage.file.filename={}\nplugin.path={}\nlisteners=http://127.0.0.1:{}\n",
            self.kafka.bootstrap(),
            folder.join("connect.offsets").display(),
            self.jars.join("plugins").display(),
            free_port(),
        );
        let (input, output) = (self.input.display(), folder.join("out.txt"));
        let connector = match direction {
            Direction::FileToKafka => {
                format!("connector.class=FileStreamSource\nfile={input}\ntopic={name}\n")
            }
            Direction::KafkaToFile => format!(
                "connector.class=FileStreamSink\nfile={}\ntopics={FULL}\n",
                output.display()
            ),
        };
        let connector = format!("name={name}\ntasks.max=1\n{connector}");
        let files = [("worker", worker), ("connector", connector)];
        files.map(|(name, text)| {
            let path = folder.join(format!("{name}.properties"));
            fs::write(&path, text).unwrap();
            path
        })
    }

    fn create(&self, topic: &str) {
        let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        let creating = self.admin.create_topics([&topic], &AdminOptions::new());
        for outcome in self.runtime.block_on(creating).unwrap() {
            outcome.unwrap();
        }
    }

    /// A client that knows a topic. One that asked for it too early may go on not knowing it.
    fn observer(&self, topic: &str) -> BaseConsumer {
        for _ in 0..100 {
            let observer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", self.kafka.bootstrap())
                .set("group.id", "none")
                .create()
                .unwrap();
            if end(&observer, topic).is_ok() {
                return observer;
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        panic!("the topic {topic} cannot be seen");
    }
}

/// How many records a topic has.
fn end(observer: &BaseConsumer, topic: &str) -> KafkaResult<u64> {
    let (_, end) = observer.fetch_watermarks(topic, 0, Duration::from_secs(10))?;
    Ok(u64::try_from(end).unwrap_or_default())
}

/// The target folder of cargo: an ancestor of this program that cargo has marked.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let mut folders = program.ancestors();
    let folder = folders.find(|folder| folder.join("CACHEDIR.TAG").is_file());
    folder.unwrap().to_path_buf()
}

fn build_connect(target: &Path) -> PathBuf {
    run(Command::new("cargo")
        .args(["build", "--release", "--locked", "-p", "connect-cli"])
        .args(["--features", "kafka", "--target-dir"])
        .arg(target));
    target.join("release/connect")
}

/// Fetches Kafka Connect once: `libs` for the class path, `plugins` for `plugin.path`.
fn fetch_java(folder: &Path) -> PathBuf {
    let libs = folder.join("libs");
    if !libs.is_dir() {
        fs::create_dir_all(folder).unwrap();
        let pom = folder.join("pom.xml");
        fs::write(&pom, POM).unwrap();
        let part = folder.join("libs.part");
        run(Command::new("mvn")
            .args(["-q", "-B", "-f"])
            .arg(pom)
            .arg("dependency:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", part.display())));
        let plugin = folder.join("plugins/file");
        fs::create_dir_all(&plugin).unwrap();
        let jar = "connect-file-4.3.0.jar";
        fs::copy(part.join(jar), plugin.join(jar)).unwrap();
        fs::rename(part, &libs).unwrap();
    }
    folder.to_path_buf()
}

fn run(command: &mut Command) {
    match command.status() {
        Ok(status) => assert!(status.success(), "{command:?}: {status}"),
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>connect</groupId>
  <artifactId>kafka-connect-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>connect-runtime</artifactId>
      <version>4.3.0</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>connect-file</artifactId>
      <version>4.3.0</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.4</version>
    </dependency>
  </dependencies>
</project>
"#;

const LOG4J: &str = "appender.out.type=Console
appender.out.name=out
appender.out.target=SYSTEM_ERR
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
";
