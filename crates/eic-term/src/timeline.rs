//! When each step of a connection began and how long it took.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A step on the way from a target to a shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Finding the instance (`DescribeInstances`).
    FindInstance,
    /// Finding an endpoint (`DescribeInstanceConnectEndpoints`).
    FindEndpoint,
    /// Reading the instance's host keys from its console (`GetConsoleOutput`).
    ReadConsole,
    /// Pushing the public key (`SendSSHPublicKey`).
    PushKey,
    /// The TCP connection of the direct route.
    Connect,
    /// The endpoint's tunnel: TCP, TLS and the WebSocket upgrade.
    OpenTunnel,
    /// SSH versions, key exchange and the host key.
    Handshake,
    /// SSH user authentication.
    Login,
    /// Opening the channel and starting the shell or command.
    Start,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FindInstance => "find the instance",
            Self::FindEndpoint => "find an endpoint",
            Self::ReadConsole => "read the console",
            Self::PushKey => "push the key",
            Self::Connect => "connect",
            Self::OpenTunnel => "open the tunnel",
            Self::Handshake => "exchange keys",
            Self::Login => "log in",
            Self::Start => "start the command",
        })
    }
}

/// One step's place in time.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// What was done.
    pub step: Step,
    /// When it began, counted from the start of the timeline.
    pub start: Duration,
    /// How long it took; `None` while it is under way.
    pub duration: Option<Duration>,
}

/// A record of the steps of one connection, shared by everyone who adds to it.
///
/// ```
/// use eic_term::{Step, Timeline};
/// let timeline = Timeline::new();
/// let step = timeline.begin(Step::Login);
/// assert_eq!(timeline.current(), Some(Step::Login));
/// drop(step);
/// assert!(timeline.spans()[0].duration.is_some());
/// ```
#[derive(Debug, Clone)]
pub struct Timeline {
    origin: Instant,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Timeline {
    /// Starts an empty timeline; now is its zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
            spans: Arc::default(),
        }
    }

    /// Begins a step, which ends when the returned guard is dropped.
    pub fn begin(&self, step: Step) -> StepGuard {
        let mut spans = self.lock();
        spans.push(Span {
            step,
            start: self.origin.elapsed(),
            duration: None,
        });
        StepGuard {
            timeline: self.clone(),
            index: spans.len() - 1,
        }
    }

    /// Returns the steps so far, in the order in which they began.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.lock().clone()
    }

    /// Returns the newest step that is still under way.
    #[must_use]
    pub fn current(&self) -> Option<Step> {
        let spans = self.lock();
        let open = spans.iter().rev().find(|span| span.duration.is_none());
        open.map(|span| span.step)
    }

    fn end(&self, index: usize) {
        let now = self.origin.elapsed();
        if let Some(span) = self.lock().get_mut(index) {
            span.duration = Some(now.saturating_sub(span.start));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Span>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A step under way; dropping it ends the step.
#[derive(Debug)]
pub struct StepGuard {
    timeline: Timeline,
    index: usize,
}

impl Drop for StepGuard {
    fn drop(&mut self) {
        self.timeline.end(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_overlap_and_keep_their_order() {
        let timeline = Timeline::new();
        let push = timeline.begin(Step::PushKey);
        let find = timeline.begin(Step::FindInstance);
        assert_eq!(timeline.current(), Some(Step::FindInstance));
        drop(find);
        assert_eq!(timeline.current(), Some(Step::PushKey));
        drop(push);
        let steps: Vec<_> = timeline.spans().iter().map(|span| span.step).collect();
        assert_eq!(steps, [Step::PushKey, Step::FindInstance]);
        assert_eq!(timeline.current(), None);
    }
}
