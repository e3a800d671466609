//! What became of all, in a few lines, and in one exit status.

use std::time::Duration;

use super::event::Ending;
use super::targets::Host;

/// How many instances are named.
const NAMED: usize = 50;

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
    let mut kinds: [(&str, Vec<String>); 3] = [
        ("failed", Vec::new()),
        ("unreachable", Vec::new()),
        ("not finished", Vec::new()),
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
        if let Some((_, lines)) = kinds.get_mut(kind) {
            lines.push(format!("{}: {words}", host.as_ref().label));
        }
    }
    let mut text = format!("{ok} ok");
    for (kind, lines) in kinds.iter().filter(|(_, lines)| !lines.is_empty()) {
        text.push_str(&format!(", {} {kind}", lines.len()));
    }
    text.push_str(&format!(" in {:.1} s", took.as_secs_f64()));
    for (kind, lines) in &kinds {
        for line in lines.iter().take(NAMED) {
            text.push_str(&format!("\n  {kind}: {line}"));
        }
        if let Some(more @ 1..) = lines.len().checked_sub(NAMED) {
            text.push_str(&format!("\n  {kind}: {more} more"));
        }
    }
    text
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
}
