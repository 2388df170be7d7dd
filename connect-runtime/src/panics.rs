//! Panics of plugins, which become errors of their task and name the plugin.
//!
//! Only the panic hook gets the file and line of a panic. The hook is global to the process and belongs
//! to the host, so file and line are in the output of the hook and not in the error.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;

use connect_api::Error;
use connect_api::ErrorKind;
use connect_api::Result;
use futures::FutureExt;

/// The payload of a panic whose plugin is known: the whole message.
struct Named(String);

/// Runs a call into a plugin and turns a panic into an error, so that it stays in its task.
///
/// `what` names the plugin, unless a [`named`] call inside has named it more precisely.
pub(crate) async fn contained<T>(
    what: &str,
    call: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let outcome = AssertUnwindSafe(call).catch_unwind().await;
    outcome.unwrap_or_else(|panic| Err(panicked(what, panic)))
}

/// The error of a panic that was caught; `what` is as for [`contained`].
pub(crate) fn panicked(what: &str, panic: Box<dyn Any + Send>) -> Error {
    Error::new(ErrorKind::Panicked, message(what, panic).0)
}

/// Runs a call into a plugin. A panic is passed on with the name of the plugin.
#[inline]
pub(crate) fn named<T>(name: impl FnOnce() -> String, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| resume_unwind(Box::new(message(&name(), panic))))
}

/// As [`named`], for an async call.
pub(crate) async fn named_async<T>(
    name: impl FnOnce() -> String,
    call: impl Future<Output = T> + Send,
) -> T {
    let outcome = AssertUnwindSafe(call).catch_unwind().await;
    outcome.unwrap_or_else(|panic| resume_unwind(Box::new(message(&name(), panic))))
}

fn message(what: &str, panic: Box<dyn Any + Send>) -> Named {
    let panic = match panic.downcast::<Named>() {
        Ok(named) => return *named,
        Err(panic) => panic,
    };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "a value that is not text".into());
    // The value may be of any type of the plugin, so even its destructor may panic.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
    Named(format!(
        "{what} panicked: {text} (file and line are in the output of the panic hook)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_innermost_name_counts() {
        let call = async {
            named(
                || "transform \"a\"".into(),
                || {
                    named(|| "predicate \"p\"".into(), || panic!("number {}", 7));
                    Ok(())
                },
            )
        };
        let error = contained("the source task", call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panicked);
        assert!(
            error
                .message()
                .starts_with("predicate \"p\" panicked: number 7 (file"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_panic_without_a_name_is_that_of_the_whole_call() {
        let call = async { panic!("no name") };
        let error = contained::<()>("the source task", call).await.unwrap_err();
        assert!(
            error
                .message()
                .starts_with("the source task panicked: no name")
        );
        let call = async {
            named_async(|| "`value.converter`".into(), async { panic!("late") }).await;
            Ok(())
        };
        let error = contained::<()>("the source task", call).await.unwrap_err();
        assert!(
            error
                .message()
                .starts_with("`value.converter` panicked: late")
        );
    }
}
