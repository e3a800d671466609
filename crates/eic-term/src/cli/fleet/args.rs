//! What can be typed for several instances at once: clap types and nothing else.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use eic_auth::Selector;

/// Options of `exec` for several instances.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Several instances")]
pub(crate) struct Several {
    /// All instances of a group: asg:NAME, an Auto Scaling group
    #[arg(long, value_name = "GROUP", value_parser = group)]
    pub(crate) all_in: Vec<Selector>,

    /// Targets from a file, one a line; # begins a comment; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) targets_file: Option<PathBuf>,

    /// The targets in the list `failed` of a --log-dir; without another one their logs and lists are renewed
    #[arg(long, value_name = "DIR")]
    pub(crate) retry_failed: Option<PathBuf>,

    /// How many work at a time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) parallel: u16,

    /// fold: identical output once, at the end; prefix: `name | line`; raw: lines as they are
    /// [default: fold on a terminal, else prefix]
    #[arg(long, value_name = "MODE")]
    pub(crate) output: Option<Mode>,

    /// One JSON object a line for all that happens: event (start, stdout, stderr, exit, error), time, id, name; with them
    /// address, text or base64, status or signal, message, seconds
    #[arg(long, conflicts_with = "output")]
    pub(crate) json: bool,

    /// Folder for one log an instance, and the lists `succeeded` and `failed`
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,

    /// Start no more once one has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// The first N must succeed before others start
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) canary: Option<u16>,

    /// Seconds that the command may take; then it is ended, which counts as exit status 124
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,

    /// A local script to run, with CMD for its arguments; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,

    /// Give standard input to each of several instances
    #[arg(long, conflicts_with = "no_stdin")]
    pub(crate) broadcast_stdin: bool,
}

/// How output is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Fold,
    Prefix,
    Raw,
}

impl Several {
    /// Whether more than one instance, or what only several have, is asked for.
    pub(crate) fn is_set(&self) -> bool {
        let shown = self.output.is_some() || self.json || self.log_dir.is_some();
        shown || self.names_some()
    }

    /// Whether it names instances.
    pub(crate) fn names_some(&self) -> bool {
        let listed = self.targets_file.is_some() || self.retry_failed.is_some();
        listed || !self.all_in.is_empty()
    }
}

/// `asg:NAME`: EC2 tags the instances of an Auto Scaling group
/// (<https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html>).
fn group(text: &str) -> Result<Selector, String> {
    match text.split_once(':') {
        Some(("asg", name)) if !name.is_empty() => {
            let tag = format!("tag:aws:autoscaling:groupName={name}");
            tag.parse()
                .map_err(|error: eic_auth::TargetError| error.to_string())
        }
        _ => Err("a group looks like `asg:NAME`".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse::<f64>();
    let duration = seconds
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let duration = duration.filter(|duration| !duration.is_zero());
    duration.ok_or_else(|| "it must be a number of seconds above 0, such as 30 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_seconds() {
        assert_eq!(
            group("asg:web").unwrap().to_string(),
            "tag:aws:autoscaling:groupName=web"
        );
        for wrong in ["web", "asg:", "eks:x", "asg:a\u{1b}"] {
            assert!(group(wrong).is_err(), "{wrong}");
        }
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(seconds("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["0", "-1", "x", "", "inf", "NaN"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
