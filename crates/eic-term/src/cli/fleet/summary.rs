//! What became of all, in a few lines, and in one exit status.

use std::collections::HashMap;
use std::time::Duration;

use super::event::Ending;
use super::fold::listed;
use super::targets::Host;

/// How many lines each kind has.
const LINES: usize = 50;

/// The exit status: 0 where all is well, else the highest one; 255 is that of an instance that was not reached.
pub(crate) fn code<'a>(endings: impl IntoIterator<Item = &'a Ending>) -> u8 {
    endings
        .into_iter()
        .map(Ending::code)
        .max()
        .unwrap_or_default()
}

/// The last words: how many are well, and who is not.
pub(crate) fn text(
    hosts: &[impl AsRef<Host>],
    endings: &[Option<Ending>],
    took: Duration,
) -> String {
    let mut ok = 0;
    let mut kinds = [
        ("failed", Reasons::default()),
        ("unreachable", Reasons::default()),
        ("not finished", Reasons::default()),
    ];
    for (host, ending) in hosts.iter().zip(endings) {
        let kind = match ending {
            Some(ending) if ending.is_ok() => {
                ok += 1;
                continue;
            }
            Some(Ending::Exited(_) | Ending::TimedOut(_)) => 0,
            Some(Ending::Unreachable(_)) => 1,
            Some(Ending::Interrupted | Ending::NotRun) | None => 2,
        };
        let words = ending
            .as_ref()
            .map_or("interrupted".to_owned(), Ending::words);
        if let Some((_, reasons)) = kinds.get_mut(kind) {
            reasons.add(host.as_ref(), words);
        }
    }
    let mut text = format!("{ok} ok");
    for (kind, reasons) in kinds.iter().filter(|(_, reasons)| reasons.count > 0) {
        text.push_str(&format!(", {} {kind}", reasons.count));
    }
    text.push_str(&format!(" in {:.1} s", took.as_secs_f64()));
    for (kind, reasons) in &kinds {
        for line in reasons.lines() {
            text.push_str(&format!("\n  {kind}: {line}"));
        }
    }
    text
}

/// Why instances are not well: what several share is said once.
#[derive(Default)]
struct Reasons<'a> {
    count: usize,
    /// Those who share a reason, and it, in the order of the first of each.
    shared: Vec<(Vec<&'a str>, String)>,
    /// The places of the reasons among them, without what tells one instance from another.
    places: HashMap<String, usize>,
}

impl<'a> Reasons<'a> {
    fn add(&mut self, host: &'a Host, words: String) {
        self.count += 1;
        let general = general(&words, &host.id);
        let place = *self
            .places
            .entry(general.clone())
            .or_insert(self.shared.len());
        match self.shared.get_mut(place) {
            Some((names, reason)) => {
                names.push(&host.label);
                *reason = general;
            }
            None => self.shared.push((vec![&host.label], words)),
        }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let lines = self.shared.iter().take(LINES);
        let lines = lines.map(|(names, reason)| format!("{}: {reason}", listed(names)));
        let hidden = self.shared.iter().skip(LINES);
        let hidden: usize = hidden.map(|(names, _)| names.len()).sum();
        lines.chain((hidden > 0).then(|| format!("{hidden} more")))
    }
}

/// A reason as others may have it, too: without the instance's id, and the id of a request to AWS.
fn general(words: &str, id: &str) -> String {
    let words = words.replace(id, "i-…");
    match words.split_once(" (request ") {
        Some((before, after)) => {
            let rest = after.split_once(')').map_or("", |(_, rest)| rest);
            format!("{before}{rest}")
        }
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::Failure;
    use eic_term::ExitStatus;

    fn exited(code: u32) -> Ending {
        Ending::Exited(ExitStatus::Exited(code))
    }

    #[test]
    fn the_highest_status_counts() {
        assert_eq!(code(&[]), 0);
        assert_eq!(code(&[exited(0), exited(3), exited(2)]), 3);
        let unreachable = Ending::Unreachable(Failure::caused("x", "y"));
        assert_eq!(code(&[exited(3), unreachable]), 255);
    }

    #[test]
    fn the_last_words() {
        let host = |label: &str| {
            Box::new(Host {
                id: String::new(),
                name: None,
                label: label.to_owned(),
                target: String::new(),
                way: Err(Failure::caused("", "")),
            })
        };
        let hosts = ["a", "b", "c", "d"].map(host);
        let endings = [
            Some(exited(0)),
            Some(exited(3)),
            Some(Ending::Unreachable(Failure::caused(
                "cannot connect",
                "refused",
            ))),
            Some(Ending::NotRun),
        ];
        assert_eq!(
            text(&hosts, &endings, Duration::from_millis(1250)),
            "1 ok, 1 failed, 1 unreachable, 1 not finished in 1.2 s\n  failed: b: exit status 3\n  \
             unreachable: c: cannot connect: refused\n  not finished: d: not run"
        );
    }

    #[test]
    fn what_several_share_is_said_once() {
        let host = |id: &str| Host {
            id: id.to_owned(),
            name: None,
            label: id.replace("i-", "web-"),
            target: String::new(),
            way: Err(Failure::caused("", "")),
        };
        let hosts = ["i-01", "i-02", "i-03"].map(host);
        let mut reasons = Reasons::default();
        for (host, words) in hosts.iter().zip([
            "IAM denies it on i-01 (request 5-5), so",
            "no route",
            "IAM denies it on i-03 (request 6-6), so",
        ]) {
            reasons.add(host, words.to_owned());
        }
        let lines: Vec<_> = reasons.lines().collect();
        assert_eq!(
            lines,
            [
                "web-01, web-03 (2): IAM denies it on i-…, so",
                "web-02: no route"
            ]
        );
    }
}
