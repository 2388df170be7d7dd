//! The log of the program: to standard error, above the progress bar if there is one.

use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::LazyLock;

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// The progress bar on the terminal; it is hidden while log lines are written.
pub(crate) static SCREEN: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Installs the log. The level comes from the command line, the variable `CONNECT_LOG` or the default,
/// in this order. Panics are logged too, with file and line.
///
/// # Errors
/// The level is not valid.
pub(crate) fn install(level: Option<&str>, default: &str) -> Result<(), Failure> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program, not a library, reads it"
    )]
    let variable = std::env::var("CONNECT_LOG").ok();
    let level = level
        .map(str::to_owned)
        .or(variable)
        .unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&level)
        .map_err(|error| Failure::Start(format!("cannot log at \"{level}\": {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_writer(|| Above)
        .init();
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logs a panic in one line, with its place.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("a value that is not text");
    match panic.location() {
        Some(location) => tracing::error!(%location, "panic: {text}"),
        None => tracing::error!("panic: {text}"),
    }
}

/// Writes above the progress bar.
struct Above;

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SCREEN
            .suspend(|| io::stderr().write_all(bytes))
            .map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
