//! Identical output once, with those that gave it; what differs from most as a difference.

use std::io;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use eic_term::terminal::Screen;
use eic_term::{Transcript, Transcripts};
use similar::TextDiff;

use super::event::{Both, Ending, Event, Stream};
use super::lines::add_line;
use super::targets::Host;
use crate::cli::ui::Ui;

/// Outputs larger than this are not compared line by line, in bytes.
const LARGEST: usize = 1 << 20;
/// How long one comparison may take; then it is a coarse one.
const LIMIT: Duration = Duration::from_secs(1);
/// How many names a headline has room for.
const NAMES: usize = 20;

/// What each instance has said so far.
pub(crate) struct Fold {
    /// By the instances' numbers; none of those that were never begun.
    said: Vec<Option<Both<Said>>>,
    room: Transcripts,
    ui: Ui,
}

struct Said {
    text: Transcript,
    digest: Context,
    /// Whether there was no room for all of it.
    cut: bool,
}

impl Said {
    fn new(room: &Transcripts) -> Self {
        Self {
            text: room.begin(),
            digest: Context::new(&SHA256),
            cut: false,
        }
    }

    async fn push(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        if !self.cut && self.text.push(bytes).await.is_err() {
            self.cut = true;
        }
    }
}

fn is_nothing(said: &Both<Said>) -> bool {
    [Stream::Stdout, Stream::Stderr]
        .iter()
        .all(|stream| said.of(*stream).text.is_empty())
}

impl Fold {
    pub(crate) fn new(hosts: usize, ui: &Ui) -> Self {
        Self {
            said: (0..hosts).map(|_| None).collect(),
            room: Transcripts::default(),
            ui: ui.clone(),
        }
    }

    pub(crate) async fn take(&mut self, number: usize, event: &Event) {
        let Some(said) = self.said.get_mut(number) else {
            return;
        };
        match event {
            Event::Start { .. } => {
                *said = Some(Both::new(Said::new(&self.room), Said::new(&self.room)));
            }
            Event::Output(stream, bytes) => {
                if let Some(said) = said {
                    said.of_mut(*stream).push(bytes).await;
                }
            }
            Event::End(Ending::Unreachable(_)) if said.as_ref().is_some_and(is_nothing) => {
                // That says nothing about what the command says.
                *said = None;
            }
            Event::End(_) => {}
        }
    }

    /// Shows it all, each stream on its own.
    pub(crate) async fn finish(&mut self, hosts: &[impl AsRef<Host>]) -> io::Result<()> {
        self.ui.make_room();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let said = self.said.iter().enumerate();
            let said: Vec<_> = said
                .filter_map(|(number, said)| Some((number, said.as_ref()?.of(stream))))
                .collect();
            if said.iter().any(|(_, said)| !said.text.is_empty()) {
                Folded::new(stream, &said).show(hosts).await?;
            }
        }
        Ok(())
    }
}

/// One stream of all instances, being shown.
struct Folded<'a> {
    screen: Screen,
    to_terminal: bool,
    stream: Stream,
    /// Who said the same, the most frequent first.
    groups: Vec<(Vec<usize>, &'a Said)>,
    all: usize,
}

impl<'a> Folded<'a> {
    fn new(stream: Stream, said: &[(usize, &'a Said)]) -> Self {
        let (screen, to_terminal) = match stream {
            Stream::Stdout => (Screen::stdout(), io::IsTerminal::is_terminal(&io::stdout())),
            Stream::Stderr => (Screen::stderr(), io::IsTerminal::is_terminal(&io::stderr())),
        };
        let mut groups = group(said, |said| said.digest.clone().finish().as_ref().to_vec());
        if stream == Stream::Stderr {
            // That most have no errors goes without saying.
            groups.retain(|(_, said)| !said.text.is_empty());
        }
        Self {
            screen,
            to_terminal,
            stream,
            groups,
            all: said.len(),
        }
    }

    async fn show(mut self, hosts: &[impl AsRef<Host>]) -> io::Result<()> {
        let groups = std::mem::take(&mut self.groups);
        let mut most: Option<(&Said, usize)> = None;
        for (numbers, said) in groups {
            let names: Vec<_> = numbers
                .iter()
                .filter_map(|number| hosts.get(*number))
                .collect();
            let names: Vec<_> = names
                .iter()
                .map(|host| host.as_ref().label.as_str())
                .collect();
            let mut text = Vec::new();
            if let Some((most, count)) = &most
                && let Some(difference) = difference(most, said).await?
            {
                self.headline(&mut text, &names, &format!("differs from the {count}"));
                for line in difference.split_inclusive('\n') {
                    add_line(&mut text, None, line.as_bytes(), self.to_terminal);
                }
                self.screen.show(&text).await?;
                continue;
            }
            if numbers.len() * 2 > self.all && numbers.len() > 1 && most.is_none() {
                most = Some((said, numbers.len()));
            }
            self.in_full(&names, said).await?;
        }
        Ok(())
    }

    async fn in_full(&mut self, names: &[&str], said: &Said) -> io::Result<()> {
        let mut text = Vec::new();
        if self.to_terminal && is_binary(&said.text.read(0).await?) {
            let remark = format!("{} bytes that are no text", said.text.len());
            self.headline(&mut text, names, &remark);
            return self.screen.show(&text).await;
        }
        if let ([name], Some(line)) = (names, only_line(said).await?) {
            add_line(&mut text, Some(name), &line, self.to_terminal);
            return self.screen.show(&text).await;
        }
        self.headline(
            &mut text,
            names,
            match said.text.is_empty() {
                true => "said nothing",
                false => "",
            },
        );
        let mut partial = super::lines::Partial::default();
        let mut offset = 0;
        loop {
            let bytes = said.text.read(offset).await?;
            offset += bytes.len();
            partial.push(&bytes, |line| {
                add_line(&mut text, None, line, self.to_terminal)
            });
            if bytes.is_empty() {
                break;
            }
            self.screen.show(&std::mem::take(&mut text)).await?;
        }
        if let Some(line) = partial.take() {
            add_line(&mut text, None, &line, self.to_terminal);
        }
        if said.cut {
            text.extend(b"(the rest is lost: no room on the disk)\n");
        }
        self.screen.show(&text).await
    }

    fn headline(&self, text: &mut Vec<u8>, names: &[&str], remark: &str) {
        let remark = match (self.stream, remark) {
            (Stream::Stdout, remark) => remark.to_owned(),
            (Stream::Stderr, "") => "stderr".to_owned(),
            (Stream::Stderr, remark) => format!("stderr, {remark}"),
        };
        text.extend(headline(names, &remark).as_bytes());
    }
}

/// Those who said the same together: the largest group first, then in the order of the first of each.
fn group<'a, T, K: PartialEq>(
    said: &[(usize, &'a T)],
    key: impl Fn(&T) -> K,
) -> Vec<(Vec<usize>, &'a T)> {
    let mut groups: Vec<(K, Vec<usize>, &'a T)> = Vec::new();
    for (number, one) in said {
        let own = key(one);
        match groups.iter_mut().find(|(key, ..)| *key == own) {
            Some((_, numbers, _)) => numbers.push(*number),
            None => groups.push((own, vec![*number], one)),
        }
    }
    groups.sort_by_key(|(_, numbers, _)| std::cmp::Reverse(numbers.len()));
    groups
        .into_iter()
        .map(|(_, numbers, one)| (numbers, one))
        .collect()
}

fn headline(names: &[&str], remark: &str) -> String {
    let remark = match remark {
        "" => String::new(),
        remark => format!(": {remark}"),
    };
    format!("---- {}{remark} ----\n", listed(names))
}

/// The names, as far as there is room, and how many they are.
pub(super) fn listed(names: &[&str]) -> String {
    let shown = names
        .iter()
        .take(NAMES)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    let more = match names.len().checked_sub(NAMES) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    let count = match names.len() {
        1 => String::new(),
        count => format!(" ({count})"),
    };
    format!("{shown}{more}{count}")
}

/// The line, where it is no more than one.
async fn only_line(said: &Said) -> io::Result<Option<Vec<u8>>> {
    if said.text.is_empty() || said.text.len() > 4096 {
        return Ok(None);
    }
    let mut bytes = said.text.read(0).await?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    Ok(Some(bytes).filter(|bytes| !bytes.contains(&b'\n')))
}

/// How one output differs from another, where that can be told in fewer lines than it has.
async fn difference(most: &Said, other: &Said) -> io::Result<Option<String>> {
    if other.text.is_empty() {
        return Ok(None);
    }
    let [Some(old), Some(new)] = [small(most).await?, small(other).await?] else {
        return Ok(None);
    };
    if is_binary(new.as_bytes()) {
        return Ok(None);
    }
    let difference = TextDiff::configure().timeout(LIMIT).diff_lines(&old, &new);
    let text = difference
        .unified_diff()
        .context_radius(2)
        .missing_newline_hint(false)
        .to_string();
    let is_shorter = text.lines().count() <= new.lines().count() + 2;
    Ok(Some(text).filter(|_| is_shorter))
}

/// As grep(1) judges it.
fn is_binary(start: &[u8]) -> bool {
    start.contains(&0)
}

async fn small(said: &Said) -> io::Result<Option<String>> {
    if said.text.len() > LARGEST || said.cut {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    while let more = said.text.read(bytes.len()).await?
        && !more.is_empty()
    {
        bytes.extend(more);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_grouped_and_the_most_come_first() {
        let said = ["a", "b", "b", "c"];
        let said: Vec<_> = said.iter().enumerate().collect();
        let groups = group(&said, |text| text.to_string());
        let groups: Vec<_> = groups
            .iter()
            .map(|(numbers, text)| (numbers.as_slice(), **text))
            .collect();
        assert_eq!(
            groups,
            [(&[1, 2][..], "b"), (&[0][..], "a"), (&[3][..], "c")]
        );
    }

    #[test]
    fn headlines() {
        assert_eq!(headline(&["web-1"], ""), "---- web-1 ----\n");
        assert_eq!(headline(&["a", "b"], "x"), "---- a, b (2): x ----\n");
        let many = headline(&["n"; 25], "");
        assert!(many.ends_with("n, n and 5 more (25) ----\n"), "{many}");
    }

    #[tokio::test]
    async fn differences_are_shown_where_they_are_short() {
        let room = Transcripts::default();
        let said = async |text: &str| {
            let mut said = Said::new(&room);
            said.push(text.as_bytes()).await;
            said
        };
        let most = said("a\nb\nc\nd\ne\nf\n").await;
        let one = said("a\nb\nX\nd\ne\nf\n").await;
        let shown = difference(&most, &one).await.unwrap().unwrap();
        assert!(
            shown.contains("-c\n+X\n") && !shown.contains('f'),
            "{shown}"
        );
        let other = said("1\n2\n3\n").await;
        assert_eq!(difference(&most, &other).await.unwrap(), None);
    }
}
