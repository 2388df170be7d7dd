//! Changes of a connector, cut off at each of their steps.
//!
//! A process makes one change of a connector on the durable log and kills itself at an event of the
//! worker or its log, the next process at the next one, and so on until one lives. After each, a new
//! worker must come to the state from before the change or to the one after it, and to the latter if the
//! change was answered.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::config::FromConfig as _;
use connect_api::config_map;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::HerderError;
use connect_runtime::State;
use connect_runtime::WorkerConfig;
use tokio::time::Instant;
use tracing::Event;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::kill::plan::files;
use crate::kill::plan::runtime;
use crate::kill::still;
use crate::kill::trigger::die;

/// A change of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Three tasks come into being.
    Create,
    /// Two tasks become three, made from another configuration.
    Reconfigure,
    /// It is paused.
    Pause,
    /// It runs again after it was stopped.
    Resume,
    /// Its tasks go, its configuration stays.
    Stop,
    /// All of it goes.
    Delete,
}

/// What became of a [`Change`] that was cut off again and again.
///
/// Its text is a row of a Markdown table under [`Changed::HEAD`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// The change.
    pub change: Change,
    /// How often a process died in it.
    pub kills: u64,
    /// How often it had not happened.
    pub before: u64,
    /// How often it had happened.
    pub after: u64,
    /// How often it had been answered by then.
    pub answered: u64,
}

/// What is seen of the connector, if it exists.
#[derive(Debug, Clone, PartialEq)]
struct Seen(Option<SeenConnector>);

#[derive(Debug, Clone, PartialEq)]
struct SeenConnector {
    config: ConfigMap,
    state: State,
    /// The configuration and state of each task.
    tasks: Vec<(ConfigMap, State)>,
}

impl Change {
    /// All changes.
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::Reconfigure,
        Self::Pause,
        Self::Resume,
        Self::Stop,
        Self::Delete,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Reconfigure => "reconfigure",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Delete => "delete",
        }
    }

    /// Cuts it off at every step: `program` is `connect-kill`, `folder` is an empty one.
    ///
    /// *Blocking*: for as long as it takes.
    ///
    /// # Errors
    /// The state was neither that before nor that after; or something could not be run.
    pub fn run(self, program: &Path, folder: &Path) -> Result<Changed> {
        let runtime = runtime()?;
        let (base, log) = (folder.join("base"), folder.join("log"));
        let (before, after) = runtime.block_on(async {
            let before = self.prepare(&base).await?;
            copy(&base, &log)?;
            let connect = worker(&log).await?;
            self.make(&connect).await?;
            end(&connect).await?;
            Ok::<_, Error>((before, self.settle(&log, &[]).await?))
        })?;
        let mut changed = Changed {
            change: self,
            kills: 0,
            before: 0,
            after: 0,
            answered: 0,
        };
        if before == after {
            return Err(Error::external(format!(
                "{self} changes nothing: {after:?}"
            )));
        }
        loop {
            copy(&base, &log)?;
            let died_at = changed.kills + 1;
            let mut command = Command::new(program);
            command.arg("change").arg(self.name()).arg(&log);
            let output = command
                .arg(died_at.to_string())
                .stdin(Stdio::null())
                .output()
                .map_err(|error| files(&error))?;
            let was_answered = !output.stdout.is_empty();
            let seen = runtime.block_on(self.settle(&log, &[&before, &after]));
            let explain = |error: Error| {
                let said = String::from_utf8_lossy(&output.stderr);
                error.context(format!("{self}, killed at event {died_at}:\n{said}"))
            };
            let seen = seen.map_err(explain)?;
            if was_answered && seen != after {
                return Err(explain(Error::external("it was answered and is lost")));
            }
            if output.status.success() {
                return Ok(changed);
            }
            if output.status.signal() != Some(SIGKILL) {
                let status = output.status.to_string();
                return Err(explain(Error::external(status)));
            }
            changed.kills += 1;
            changed.answered += u64::from(was_answered);
            if seen == after {
                changed.after += 1;
            } else {
                changed.before += 1;
            }
        }
    }

    /// Makes the change in this process, which kills itself at an event from its beginning on. Prints a
    /// line once it is answered.
    ///
    /// Installs a subscriber: call it once in a process.
    ///
    /// # Errors
    /// Whatever fails.
    pub async fn make_and_die(self, log: &Path, event: u64) -> Result<()> {
        let is_armed = Arc::new(AtomicBool::new(false));
        let bomb = Bomb {
            is_armed: Arc::clone(&is_armed),
            left: AtomicU64::new(event),
        };
        let ours = Targets::new().with_target("connect_", LevelFilter::TRACE);
        tracing_subscriber::registry()
            .with(
                tracing_subscriber::fmt::layer()
                    .with_ansi(false)
                    .with_writer(std::io::stderr)
                    .with_filter(LevelFilter::DEBUG),
            )
            .with(bomb.with_filter(ours))
            .init();
        let connect = worker(log).await?;
        if self != Self::Create {
            let state = self.state_before();
            connect.wait_for(NAME, state).await?;
        }
        is_armed.store(true, Ordering::SeqCst);
        self.make(&connect).await?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "answered")
            .and_then(|()| stdout.flush())
            .map_err(|error| files(&error))?;
        end(&connect).await
    }

    const fn state_before(self) -> State {
        match self {
            Self::Resume => State::Stopped,
            _ => State::Running,
        }
    }

    async fn make(self, connect: &Connect) -> Result<(), HerderError> {
        match self {
            Self::Create => connect.create_connector(NAME, new()).await.map(drop),
            Self::Reconfigure => connect.put_connector(NAME, new()).await.map(drop),
            Self::Pause => connect.pause(NAME).await.map(drop),
            Self::Resume => connect.resume(NAME).await.map(drop),
            Self::Stop => connect.stop(NAME).await.map(drop),
            Self::Delete => connect.delete_connector(NAME).await.map(drop),
        }
    }

    /// Makes a log with the state before the change.
    async fn prepare(self, log: &Path) -> Result<Seen> {
        let connect = worker(log).await?;
        if self != Self::Create {
            connect.create_connector(NAME, old()).await?;
            if self == Self::Resume {
                connect.stop(NAME).await?;
            }
        }
        end(&connect).await?;
        self.settle(log, &[]).await
    }

    /// What a new worker comes to: one of the expected states, or whatever it stays at if none are. The
    /// next worker must find the same.
    async fn settle(self, log: &Path, expected: &[&Seen]) -> Result<Seen> {
        let mut found = Vec::new();
        for _ in 0..2 {
            let connect = worker(log).await?;
            found.push(settled(&connect, expected).await?);
            end(&connect).await?;
        }
        match &*found {
            [first, second] if first == second => Ok(second.clone()),
            other => Err(Error::external(format!("it does not stay: {other:?}"))),
        }
    }
}

/// Waits until a connector is as expected, or does nothing more.
async fn settled(connect: &Connect, expected: &[&Seen]) -> Result<Seen> {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = look(connect).await?;
        let is_settled = match expected {
            [] => seen.is_at_rest(),
            expected => expected.contains(&&seen),
        };
        if is_settled {
            return Ok(seen);
        }
        if Instant::now() >= until {
            let text = format!("neither before nor after: {seen:?}, expected one of {expected:?}");
            return Err(Error::external(text));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn look(connect: &Connect) -> Result<Seen> {
    let status = match connect.status(NAME).await {
        Err(HerderError::NoConnector(_)) => return Ok(Seen(None)),
        status => status?,
    };
    let config = match connect.config(NAME).await {
        Err(HerderError::NoConnector(_)) => return Ok(Seen(None)),
        config => config?,
    };
    let configs = connect.task_configs(NAME).await?;
    let states = status.tasks.iter().map(|task| task.state);
    let tasks = configs.into_iter().zip(states).collect();
    Ok(Seen(Some(SeenConnector {
        config,
        state: status.state,
        tasks,
    })))
}

impl Seen {
    fn is_at_rest(&self) -> bool {
        self.0.as_ref().is_none_or(|seen| {
            let SeenConnector {
                config,
                state,
                tasks,
            } = seen;
            let count = config.get("tasks.max").and_then(|count| count.parse().ok());
            let has_all = Some(tasks.len()) == count && tasks.iter().all(|task| task.1 == *state);
            match state {
                State::Stopped => tasks.is_empty(),
                State::Paused | State::Running => has_all,
                _ => false,
            }
        })
    }
}

async fn worker(log: &Path) -> Result<Connect> {
    let mut registry = connect_runtime::plugins();
    still::plugins(&mut registry);
    let strings = "org.apache.kafka.connect.storage.StringConverter";
    let config = config_map! { "key.converter" => strings, "value.converter" => strings };
    Connect::builder()
        .registry(registry)
        .broker(LocalBroker::open(log).await?)
        .worker(WorkerConfig::from_config(&config)?)
        .build()
        .await
}

async fn end(connect: &Connect) -> Result<()> {
    let report = connect.shutdown(PATIENCE).await;
    if report.is_clean() {
        return Ok(());
    }
    Err(Error::external(format!(
        "the worker did not stop: {report:?}"
    )))
}

fn old() -> ConfigMap {
    config_map! { "connector.class" => still::CLASS, "tasks.max" => 2, "label" => "old" }
}

fn new() -> ConfigMap {
    config_map! { "connector.class" => still::CLASS, "tasks.max" => 3, "label" => "new" }
}

/// Replaces a folder with a copy of another one.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = || {
        if to.exists() {
            fs::remove_dir_all(to)?;
        }
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let path: PathBuf = entry?.path();
            if let Some(name) = path.file_name() {
                fs::copy(&path, to.join(name))?;
            }
        }
        Ok(())
    };
    copied().map_err(|error: std::io::Error| files(&error))
}

/// Kills the process at an event, once it is armed.
struct Bomb {
    is_armed: Arc<AtomicBool>,
    left: AtomicU64,
}

impl<S: Subscriber> Layer<S> for Bomb {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        if self.is_armed.load(Ordering::SeqCst) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            die();
        }
    }
}

impl Changed {
    /// The head of a table of changes.
    pub const HEAD: &str = "\
| change | kills | before | after | between | answered by then | answered and lost |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |";
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            change,
            kills,
            before,
            after,
            answered,
        } = self;
        write!(
            f,
            "| {change} | {kills} | {before} | {after} | 0 | {answered} | 0 |"
        )
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|change| change.name() == text)
            .ok_or_else(|| format!("no change \"{text}\""))
    }
}

const NAME: &str = "changed";
const SIGKILL: i32 = 9;
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(1);
