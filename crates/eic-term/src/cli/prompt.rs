//! What is typed at the prompt of `~C`, and what `~#` lists: forwarded ports.

use eic_term::{LocalForward, Session};

use super::forward_spec::LocalSpec;
use super::report::Failure;

/// What stands before the line.
pub(crate) const PROMPT: &str = "\r\neic-term> ";

/// The ports forwarded on the fly; they close with it.
#[derive(Default)]
pub(crate) struct Forwards(Vec<LocalForward>);

impl Forwards {
    /// Does what a line says; returns what to tell about it.
    pub(crate) async fn obey(&mut self, line: &str, session: &Session) -> String {
        match self.add(line, session).await {
            Ok(text) => text,
            Err(failure) => failure.to_string(),
        }
    }

    async fn add(&mut self, line: &str, session: &Session) -> Result<String, Failure> {
        let wrong = |fault: String| Failure::caused("this is not understood", fault);
        let spec = match line.trim() {
            "" => return Ok(String::new()),
            line => line
                .strip_prefix("-L")
                .map(str::trim)
                .ok_or_else(|| wrong(format!("`{line}`")).advised("-L [ADDR:]PORT:HOST:PORT"))?,
        };
        let spec: LocalSpec = spec.parse().map_err(wrong)?;
        let forward = session
            .forward_local(spec.bind, spec.host, spec.port)
            .await?;
        let text = format!("forwarding {forward}");
        self.0.push(forward);
        Ok(text)
    }

    /// A line each.
    pub(crate) fn list(&self) -> String {
        let line = |one: &LocalForward| match one.connections() {
            1 => format!("-L {one}, 1 connection"),
            count => format!("-L {one}, {count} connections"),
        };
        match self.0.as_slice() {
            [] => "no port is forwarded".to_owned(),
            some => some.iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    }
}
