//! What can be seen of plugin code from outside, without asking it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A call into a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Call {
    /// No call is in progress, or only an idle `poll`.
    Idle,
    AlterOffsets,
    Close,
    Committed,
    Delivered,
    Make,
    Open,
    PreCommit,
    Put,
    Start,
    Stop,
    TaskConfigs,
    Transform,
    Validate,
}

impl Call {
    /// All of them, by their number.
    const ALL: [Self; 14] = [
        Self::Idle,
        Self::AlterOffsets,
        Self::Close,
        Self::Committed,
        Self::Delivered,
        Self::Make,
        Self::Open,
        Self::PreCommit,
        Self::Put,
        Self::Start,
        Self::Stop,
        Self::TaskConfigs,
        Self::Transform,
        Self::Validate,
    ];

    /// The method, as authors of plugins know it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "poll",
            Self::AlterOffsets => "alter_offsets",
            Self::Close => "close",
            Self::Committed => "committed",
            Self::Delivered => "delivered",
            Self::Make => "make",
            Self::Open => "open",
            Self::PreCommit => "pre_commit",
            Self::Put => "put",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::TaskConfigs => "task_configs",
            Self::Transform => "transform",
            Self::Validate => "validate",
        }
    }
}

/// How long calls may take before their task counts as stalled. Calls that are not named here have
/// a deadline in the herder core, which acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallLimits {
    pub(crate) put: Duration,
    /// `open`, `pre_commit` (with `flush`) and `close`.
    pub(crate) commit: Duration,
    /// `delivered` and `committed`.
    pub(crate) callback: Duration,
}

impl CallLimits {
    pub(super) const fn of(&self, call: Call) -> Option<Duration> {
        match call {
            Call::Put => Some(self.put),
            Call::Open | Call::PreCommit | Call::Close => Some(self.commit),
            Call::Delivered | Call::Committed => Some(self.callback),
            // Transforms and converters may be tried again for as long as `errors.retry.timeout`
            // says.
            Call::Transform
            | Call::Idle
            | Call::AlterOffsets
            | Call::Make
            | Call::Start
            | Call::Stop
            | Call::TaskConfigs
            | Call::Validate => None,
        }
    }
}

/// Counts the steps of a plugin's future and the calls that they belong to.
///
/// There is one writer, the future itself, and it reads no clock: a watcher that finds the same
/// count twice knows how long it has not moved.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Odd while a step holds a thread.
    steps: AtomicU64,
    /// How many calls were begun, and in the last byte the call in progress.
    calls: AtomicU64,
}

impl Pulse {
    pub(super) fn step_begins(&self) {
        self.advance();
    }

    pub(super) fn step_ends(&self) {
        self.advance();
    }

    fn advance(&self) {
        let steps = self.steps.load(Ordering::Relaxed);
        self.steps.store(steps.wrapping_add(1), Ordering::Relaxed);
    }

    /// A call is in progress until the guard is dropped.
    pub(crate) fn calling(&self, call: Call) -> Calling<'_> {
        let calls = (self.calls.load(Ordering::Relaxed) >> 8).wrapping_add(1);
        self.calls
            .store(calls << 8 | u64::from(call as u8), Ordering::Relaxed);
        Calling(self)
    }

    pub(super) fn step(&self) -> Step {
        Step(self.steps.load(Ordering::Relaxed))
    }

    /// The call in progress, as a mark that differs from call to call.
    pub(super) fn mark(&self) -> CallMark {
        CallMark(self.calls.load(Ordering::Relaxed))
    }

    /// The call in progress.
    pub(crate) fn call(&self) -> Call {
        self.mark().call()
    }

    /// True if a step holds a thread right now.
    pub(crate) fn holds_thread(&self) -> bool {
        self.step().is_under_way()
    }
}

/// A call into a plugin is in progress.
#[derive(Debug)]
#[must_use]
pub(crate) struct Calling<'a>(&'a Pulse);

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        let calls = self.0.calls.load(Ordering::Relaxed);
        self.0.calls.store(calls & !0xff, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Step(u64);

impl Step {
    pub(super) const fn is_under_way(self) -> bool {
        self.0 % 2 == 1
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CallMark(u64);

impl CallMark {
    pub(super) fn call(self) -> Call {
        let number = usize::try_from(self.0 & 0xff).unwrap_or_default();
        Call::ALL.get(number).copied().unwrap_or(Call::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_found_by_its_number() {
        let pulse = Pulse::default();
        for call in Call::ALL {
            let before = pulse.mark();
            let guard = pulse.calling(call);
            assert_eq!(pulse.call(), call);
            assert_ne!(pulse.mark(), before);
            drop(guard);
            assert_eq!(pulse.call(), Call::Idle);
        }
    }
}
