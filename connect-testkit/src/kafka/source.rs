//! Finds the jars of Kafka and runs their programs.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

/// The version that Maven and the container image provide.
const KAFKA_VERSION: &str = "4.3.0";

const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>connect</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>KAFKA_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>KAFKA_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.4</version>
    </dependency>
  </dependencies>
</project>
"#;

/// The jars of Kafka: on this machine, or inside a container image.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A container engine, by the name of its program.
    Container(&'static str),
    /// A folder of jars, for the `java` on the path.
    Jars(PathBuf),
}

impl Source {
    /// Finds Kafka, or panics with one message that says what to install.
    pub(super) fn find() -> Self {
        let mut tried = Vec::new();
        if let Some(home) = variable("KAFKA_HOME") {
            let libs = Path::new(&home).join("libs");
            if !libs.is_dir() {
                tried.push(format!("KAFKA_HOME is {home}, which has no folder `libs`"));
            } else if !runs("java", &["-version"]) {
                tried.push(format!(
                    "KAFKA_HOME is {home}, but there is no `java` on the path"
                ));
            } else {
                return Self::Jars(libs);
            }
        }
        match (runs("java", &["-version"]), runs("mvn", &["-version"])) {
            (true, true) => match resolve_with_maven() {
                Ok(libs) => return Self::Jars(libs),
                Err(problem) => tried.push(format!("Maven could not resolve Kafka: {problem}")),
            },
            (java, maven) => {
                let missing = [(java, "java"), (maven, "mvn")]
                    .iter()
                    .filter(|(found, _)| !found)
                    .map(|(_, name)| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(" and ");
                tried.push(format!("there is no {missing} on the path"));
            }
        }
        for engine in ["docker", "podman"] {
            if runs(engine, &["info"]) {
                return Self::Container(engine);
            }
        }
        tried.push("no container engine (`docker` or `podman`) runs".into());
        panic!(
            "this test needs a real Kafka broker, and none can be started: {}.\n\
             Install a Java runtime and Maven (Debian: `apt-get install default-jre-headless \
             maven`), or set KAFKA_HOME to an unpacked Kafka {KAFKA_VERSION}, or start a container \
             engine{}.",
            tried.join("; "),
            match variable("CONNECT_KAFKA_BOOTSTRAP") {
                Some(_) =>
                    "; CONNECT_KAFKA_BOOTSTRAP is set, but this test disturbs its broker or needs \
                     a special one, so it starts one of its own",
                None =>
                    "; for most tests, CONNECT_KAFKA_BOOTSTRAP with the address of a running broker \
                     will do",
            }
        );
    }

    /// The command line that runs a Java class of Kafka; `folder` must be visible to it.
    pub(super) fn java(&self, folder: &Path, name: &str, jvm: &[&str], class: &str) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        match self {
            Self::Container(engine) => {
                let folder = folder.display();
                words.extend(
                    [
                        *engine,
                        "run",
                        "--rm",
                        "--network",
                        "host",
                        "--name",
                        name,
                        "-v",
                    ]
                    .map(str::to_owned),
                );
                words.push(format!("{folder}:{folder}"));
                words.push("--user".into());
                words.push("root".into());
                words.push("--entrypoint".into());
                words.push("java".into());
                words.push(format!("apache/kafka:{KAFKA_VERSION}"));
            }
            Self::Jars(_) => words.push("java".into()),
        }
        words.extend(jvm.iter().map(|&word| word.to_owned()));
        words.push("-cp".into());
        words.push(match self {
            Self::Container(_) => "/opt/kafka/libs/*".into(),
            Self::Jars(libs) => format!("{}/*", libs.display()),
        });
        words.push(class.into());
        words
    }

    /// The shell command that kills what [`java`](Self::java) started; `$pid` is its process id.
    pub(super) fn kill_words(&self, name: &str, signal: &str) -> String {
        match self {
            Self::Container(engine) => {
                // The container may not exist yet.
                format!(
                    "{engine} kill --signal {signal} {name} >/dev/null 2>&1 || kill -{signal} $pid"
                )
            }
            Self::Jars(_) => format!("kill -{signal} $pid"),
        }
    }
}

/// An environment variable that is set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment of the tests controls the harness"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Resolves the jars once per target folder; parallel test processes wait for the first.
fn resolve_with_maven() -> Result<PathBuf, String> {
    let folder = target_folder().join("kafka-jars");
    let libs = folder.join(KAFKA_VERSION);
    let describe = |what: &str| {
        let place = folder.display().to_string();
        let what = what.to_owned();
        move |error: std::io::Error| format!("{what} in {place}: {error}")
    };
    fs::create_dir_all(&folder).map_err(describe("making the folder"))?;
    let lock = File::create(folder.join("lock")).map_err(describe("making the lock"))?;
    lock.lock().map_err(describe("waiting for the lock"))?;
    if libs.is_dir() {
        return Ok(libs);
    }
    let pom = folder.join("pom.xml");
    fs::write(&pom, POM.replace("KAFKA_VERSION", KAFKA_VERSION)).map_err(describe("writing"))?;
    let part = folder.join(format!("{KAFKA_VERSION}.part"));
    // An interrupted run may have left half a jar.
    if part.exists() {
        fs::remove_dir_all(&part).map_err(describe("removing an incomplete download"))?;
    }
    let output = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", part.display()))
        .stdin(Stdio::null())
        .output()
        .map_err(describe("running mvn"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        let first = text
            .lines()
            .find(|line| line.contains("ERROR"))
            .unwrap_or("no output");
        return Err(first.to_owned());
    }
    fs::rename(&part, &libs).map_err(describe("renaming"))?;
    Ok(libs)
}

/// The target folder of the running test: an ancestor of its program that cargo has marked.
fn target_folder() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|program| {
            program
                .ancestors()
                .find(|folder| folder.join("CACHEDIR.TAG").is_file())
                .map(Path::to_path_buf)
        })
        .unwrap_or_else(|| std::env::temp_dir().join("connect-testkit"))
}
