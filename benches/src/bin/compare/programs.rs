//! The programs that take part: builds, fetches and starts them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The options of Kafka's own start script.
const JVM: &str = "-server -Xms256M -Xmx2G -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true";

pub(crate) struct Programs {
    /// The `connect` program.
    connect: PathBuf,
    /// The folder with the jars of Kafka Connect.
    jars: PathBuf,
}

impl Programs {
    /// Builds `connect` and fetches Kafka Connect.
    pub(crate) fn set_up() -> Self {
        let target = target_folder();
        let connect = build_connect(&target);
        let jars = fetch_java(&target.join("kafka-connect-jars"));
        Self { connect, jars }
    }

    /// The `plugin.path` of Kafka Connect.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.jars.join("plugins")
    }

    /// `connect standalone`, without its files.
    pub(crate) fn connect(&self) -> Command {
        let mut command = Command::new(&self.connect);
        command.args(["--log", "warn", "standalone"]);
        command
    }

    /// `connect-standalone.sh`, without its files.
    pub(crate) fn java(&self) -> Command {
        let log4j = self.jars.join("log4j2.properties");
        let mut command = Command::new("java");
        command
            .args(JVM.split_whitespace())
            .arg(format!("-Dlog4j2.configurationFile={}", log4j.display()))
            .args(["-cp", &format!("{}/libs/*", self.jars.display())])
            .arg("org.apache.kafka.connect.cli.ConnectStandalone");
        command
    }
}

/// The target folder of cargo: an ancestor of this program that cargo has marked.
pub(crate) fn target_folder() -> PathBuf {
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
    fs::write(folder.join("log4j2.properties"), LOG4J).unwrap();
    folder.to_path_buf()
}

fn run(command: &mut Command) {
    match command.status() {
        Ok(status) => assert!(status.success(), "{command:?}: {status}"),
        Err(error) => panic!("{command:?}: {error}"),
    }
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
