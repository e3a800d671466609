//! What is said while the configuration is read, and what ends that.

/// What is to be said, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages {
    /// For standard error.
    pub shown: Vec<String>,
    /// For the log that was asked for.
    pub logged: Vec<String>,
    /// That log, where it is a file; else it is the system's.
    pub log_file: Option<String>,
}

/// Why there is no configuration: what OpenSSH would print before it exits with 255.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.shown.iter().chain(&.0.logged).map(String::as_str).collect::<Vec<_>>().join("\n"))]
pub struct Refused(pub Messages);

/// The messages so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    messages: Messages,
    is_redirected: bool,
    errors_hidden: bool,
    all_hidden: bool,
}

/// The end; the log says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fatal;

impl Log {
    /// Says from now on what this log level lets through.
    pub(super) fn set_level(&mut self, level: &str) {
        self.all_hidden = level == "SILENT";
        self.errors_hidden = self.all_hidden || level == "FATAL";
    }

    /// Says it from now on to a file or, where none is named, to the system's log.
    pub(super) fn redirect(&mut self, file: Option<String>) {
        self.is_redirected = true;
        self.messages.log_file = file;
    }

    /// Says something that is not the end.
    pub(super) fn say(&mut self, message: impl Into<String>) {
        if !self.errors_hidden {
            self.push(message.into());
        }
    }

    /// Says what ends it.
    pub(super) fn fatal(&mut self, message: impl Into<String>) -> Fatal {
        if !self.all_hidden {
            self.push(message.into());
        }
        Fatal
    }

    fn push(&mut self, message: String) {
        match self.is_redirected {
            true => self.messages.logged.push(message),
            false => self.messages.shown.push(message),
        }
    }

    /// Says several things, the last of which ends it.
    pub(super) fn all_fatal(&mut self, mut messages: Vec<String>) -> Fatal {
        let last = messages.pop().unwrap_or_default();
        messages.into_iter().for_each(|message| self.say(message));
        self.fatal(last)
    }

    /// Says what is wrong at a place in a file.
    ///
    /// # Errors
    /// Where it ends there.
    pub(super) fn fault(&mut self, place: &str, fault: Fault) -> Result<(), Fatal> {
        fault.before.into_iter().for_each(|text| self.say(text));
        let placed = fault.messages.into_iter();
        let placed = placed.map(|text| format!("{place}: {text}"));
        match fault.is_fatal {
            true => Err(self.all_fatal(placed.collect())),
            false => {
                placed.for_each(|text| self.say(text));
                Ok(())
            }
        }
    }

    pub(super) fn into_messages(self) -> Messages {
        self.messages
    }
}

/// What is wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What is said without the line's place.
    before: Vec<String>,
    /// What is said after the line's place.
    pub(super) messages: Vec<String>,
    /// Whether reading ends here; else it goes on to the file's end.
    is_fatal: bool,
}

impl Fault {
    pub(super) fn error(message: impl Into<String>) -> Self {
        Self::said().and(message)
    }

    /// A fault that is said already, or after which nothing more is.
    pub(super) fn said() -> Self {
        Self {
            before: Vec::new(),
            messages: Vec::new(),
            is_fatal: false,
        }
    }

    pub(super) fn fatal(message: impl Into<String>) -> Self {
        Self {
            is_fatal: true,
            ..Self::error(message)
        }
    }

    /// The same after something that is said without the line's place.
    pub(super) fn after(mut self, message: impl Into<String>) -> Self {
        self.before.push(message.into());
        self
    }

    /// The same and one thing more.
    pub(super) fn and(mut self, message: impl Into<String>) -> Self {
        self.messages.push(message.into());
        self
    }
}
