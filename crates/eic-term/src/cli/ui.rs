//! The only place that prints.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use eic_auth::Target;
use eic_term::{Algorithms, Answers, HostKey, Proof, Question, Timeline, terminal, visible};
use zeroize::Zeroizing;

use super::progress::{Line, Progress};
use super::report::Failure;

/// Standard output and standard error, and how much to say on them.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    quiet: bool,
    verbose: bool,
    /// What stands before each line that only `-v` wants to know.
    mark: &'static str,
    /// Whether nobody is to be asked for anything.
    batch: bool,
    /// What takes our words in the place of standard error.
    log: Option<Arc<File>>,
    line: Line,
}

impl Ui {
    pub(crate) fn new(quiet: bool, verbose: u8) -> Self {
        Self {
            quiet,
            verbose: verbose > 0,
            mark: "",
            batch: false,
            log: None,
            line: Line::default(),
        }
    }

    /// Marks what only `-v` wants to know.
    pub(crate) fn mark(self, mark: &'static str) -> Self {
        Self { mark, ..self }
    }

    /// Asks nobody for anything.
    pub(crate) fn batch(self, batch: bool) -> Self {
        Self { batch, ..self }
    }

    /// Says what there is to say to a file.
    pub(crate) fn log(self, log: Option<Arc<File>>) -> Self {
        Self { log, ..self }
    }

    /// Whether there is somebody to ask.
    pub(crate) fn can_ask(&self) -> bool {
        !self.batch && terminal::can_ask()
    }

    /// Whether more than what matters is said on standard error.
    pub(crate) fn tells_details(&self) -> bool {
        self.verbose && self.log.is_none()
    }

    /// Says something that only `-v` wants to know.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            self.say(&format!("{}{text}", self.mark));
        }
    }

    /// Shows what is being waited for, if it takes long and a person is looking.
    pub(crate) fn progress(&self, target: &Target, timeline: &Timeline) -> Option<Progress> {
        let wanted = !self.quiet && !self.verbose && io::stderr().is_terminal();
        wanted.then(|| Progress::start(target.to_string(), timeline.clone(), self.line.clone()))
    }

    /// Keeps a line of this text up to date, if a person is looking.
    pub(crate) fn meter(&self, text: impl FnMut() -> String + Send + 'static) -> Option<Progress> {
        let wanted = !self.quiet && io::stderr().is_terminal();
        wanted.then(|| Progress::keep(text, self.line.clone()))
    }

    /// Shows many lines of what is going on, if a person is looking.
    pub(crate) fn live(
        &self,
        text: impl Fn() -> Option<String> + Send + 'static,
    ) -> Option<Progress> {
        let wanted = !self.quiet && !self.verbose && io::stderr().is_terminal();
        wanted.then(|| Progress::live(self.line.clone(), text))
    }

    /// Makes room for output that does not come from here.
    pub(crate) fn make_room(&self) {
        self.line.erase();
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
            self.show(visible(&text.replace("\r\n", "\n")).trim_end());
        }
    }

    /// Says what spoke for a host's key: always where it is little, else with `-v`.
    pub(crate) fn proof(&self, name: &str, key: &HostKey, proof: Proof) {
        let weak = match proof {
            Proof::Endpoint => "that it came through an AWS endpoint",
            Proof::FirstUse => "nothing but that it was the first",
            _ => return self.detail(&format!("host key of {name}: {key} ({proof})")),
        };
        self.notice(&format!(
            "pinned the host key of {name}, {key}: {weak} speaks for it"
        ));
    }

    /// With `-v`, shows what a connection has agreed on; what is outdated in it in any case.
    pub(crate) fn agreed(&self, agreed: &Algorithms) {
        self.detail(&format!("agreed on {agreed}"));
        let outdated = agreed.outdated();
        if !outdated.is_empty() {
            let names = outdated.join(", ");
            self.notice(&format!(
                "warning: weak algorithms protect this connection: {names}"
            ));
        }
    }

    /// Asks a person whether to go on, until the answer is yes or no; no answer is no, and so is that nobody is there.
    pub(crate) async fn confirms(&self, question: &str) -> Result<bool, Failure> {
        let again = "Please type 'yes' or 'no': ";
        self.agrees(&format!("{question} (yes/no) "), again, "yes")
            .await
    }

    /// Asks a person whether to believe a host key; its fingerprint, from elsewhere, is a yes that a person need not
    /// compare.
    pub(crate) async fn believes(&self, question: &str, key: &HostKey) -> Result<bool, Failure> {
        let again = "Please type 'yes', 'no' or the fingerprint: ";
        let question = format!("{question} (yes/no/[fingerprint]) ");
        self.agrees(&question, again, &key.fingerprint()).await
    }

    /// Whether the answer is `yes` or the other word for it.
    async fn agrees(&self, question: &str, again: &str, also: &str) -> Result<bool, Failure> {
        let mut answer = self.ask(question, true).await?;
        loop {
            match answer.as_deref().map(|answer| answer.trim()) {
                None | Some("") => return Ok(false),
                Some(no) if no.eq_ignore_ascii_case("no") => return Ok(false),
                Some(yes) if yes.eq_ignore_ascii_case("yes") || yes == also => return Ok(true),
                Some(_) => answer = self.ask(again, true).await?,
            }
        }
    }

    /// Asks for one line; `None` where the person gives up, or nobody is there.
    pub(crate) async fn ask(
        &self,
        prompt: &str,
        echo: bool,
    ) -> Result<Option<Zeroizing<String>>, Failure> {
        if !self.can_ask() {
            return Ok(None);
        }
        let _held = self.line.hold();
        let answer = terminal::ask(prompt, echo).await;
        answer.map_err(|source| Failure::new("cannot ask on the terminal", source))
    }

    /// Asks what a server wants to know.
    pub(crate) async fn question(self, question: Question) -> Answers {
        let said = [&question.title, &question.instructions];
        for text in said.into_iter().filter(|text| !text.trim().is_empty()) {
            self.show(visible(&text.replace("\r\n", "\n")).trim_end());
        }
        let mut answers = Vec::new();
        for prompt in &question.prompts {
            let text = format!("({}) {}", question.login, visible(&prompt.text));
            answers.push(self.ask(&text, prompt.echo).await.ok()??);
        }
        Some(answers)
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
            self.detail(&format!(
                "{:<18} at {start:8.1} ms  {took}",
                span.step.to_string()
            ));
        }
    }

    /// Nothing is left to do where the log is gone.
    fn say(&self, text: &str) {
        match &self.log {
            Some(log) => drop(writeln!(&**log, "{text}")),
            None => self.show(text),
        }
    }

    /// Nothing is left to do where standard error is gone.
    fn show(&self, text: &str) {
        self.line.erase();
        writeln!(io::stderr().lock(), "{text}").ok();
    }
}
