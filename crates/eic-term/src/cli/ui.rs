//! The only place that prints.

use std::io::{self, IsTerminal, Write};

use eic_auth::Target;
use eic_term::{HostKey, Proof, Timeline, visible};

use super::progress::{Line, Progress};
use super::report::Failure;

/// Standard output and standard error, and how much to say on them.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    quiet: bool,
    verbose: bool,
    line: Line,
}

impl Ui {
    pub(crate) fn new(quiet: bool, verbose: u8) -> Self {
        Self {
            quiet,
            verbose: verbose > 0,
            line: Line::default(),
        }
    }

    /// Shows what is being waited for, if it takes long and a person is looking.
    pub(crate) fn progress(&self, target: &Target, timeline: &Timeline) -> Option<Progress> {
        let wanted = !self.quiet && !self.verbose && io::stderr().is_terminal();
        wanted.then(|| Progress::start(target.to_string(), timeline.clone(), self.line.clone()))
    }

    /// Prints a command's result.
    pub(crate) fn result(&self, text: &str) -> Result<(), Failure> {
        self.line.erase();
        let mut stdout = io::stdout().lock();
        let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
        match written {
            // The reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|source| Failure::new("cannot write", source)),
        }
    }

    /// Says something that is neither a result nor an error.
    pub(crate) fn notice(&self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Shows the server's text before the login.
    pub(crate) fn banner(&self, text: &str) {
        if !self.quiet {
            self.say(visible(&text.replace("\r\n", "\n")).trim_end());
        }
    }

    /// Says what spoke for a host's key: always where it is little, else with `-v`.
    pub(crate) fn proof(&self, name: &str, key: &HostKey, proof: Proof) {
        let weak = match proof {
            Proof::Endpoint => "that it came through an AWS endpoint",
            Proof::FirstUse => "nothing but that it was the first",
            _ if self.verbose => return self.say(&format!("host key of {name}: {key} ({proof})")),
            _ => return,
        };
        self.notice(&format!(
            "pinned the host key of {name}, {key}: {weak} speaks for it"
        ));
    }

    /// Asks a person; anything but `yes` is no, and so is that nobody is there to answer.
    pub(crate) fn confirms(&self, question: &str) -> bool {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return false;
        }
        self.line.erase();
        write!(io::stderr().lock(), "{question} (yes/no) ").ok();
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        read.is_ok() && answer.trim().eq_ignore_ascii_case("yes")
    }

    /// Shows a failure: what, why, and what to do.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.say(&failure.to_string());
    }

    /// With `-v`, shows how a connection came to be.
    pub(crate) fn timeline(&self, timeline: &Timeline) {
        if !self.verbose {
            return;
        }
        for span in timeline.spans() {
            let start = span.start.as_secs_f64() * 1e3;
            let took = match span.duration {
                Some(duration) => format!("{:8.1} ms", duration.as_secs_f64() * 1e3),
                None => "unfinished".to_owned(),
            };
            self.say(&format!(
                "{:<18} at {start:8.1} ms  {took}",
                span.step.to_string()
            ));
        }
    }

    /// Nothing is left to do where standard error is gone.
    fn say(&self, text: &str) {
        self.line.erase();
        writeln!(io::stderr().lock(), "{text}").ok();
    }
}
