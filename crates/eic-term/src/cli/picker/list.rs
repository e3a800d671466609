//! The list that is picked from: what matches, where the cursor is, what is marked. Pure.

use std::collections::BTreeSet;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::keys::Key;
use crate::cli::progress::fitting;

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// What is shown and searched, safe to print.
    pub(crate) text: String,
}

/// What a key leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    GoOn,
    /// These, by their ids; none where a person has left.
    Done(Vec<String>),
}

pub(crate) struct List {
    items: Vec<Item>,
    query: String,
    /// The items that match, the best ones first.
    matching: Vec<usize>,
    /// Which of them.
    cursor: usize,
    /// By their ids.
    marked: BTreeSet<String>,
    many: bool,
    matcher: Matcher,
}

impl List {
    /// A list of which one can be picked, or many.
    pub(crate) fn new(items: Vec<Item>, many: bool) -> Self {
        let mut list = Self {
            items: Vec::new(),
            query: String::new(),
            matching: Vec::new(),
            cursor: 0,
            marked: BTreeSet::new(),
            many,
            matcher: Matcher::new(Config::DEFAULT),
        };
        list.replace(items);
        list
    }

    /// Takes newer items; the cursor stays where it is.
    pub(crate) fn replace(&mut self, items: Vec<Item>) {
        let current = self.current().map(|item| item.id.clone());
        self.items = items;
        self.search();
        let place = |at: &usize| self.items.get(*at).map(|item| &item.id) == current.as_ref();
        let before = self.matching.iter().position(place);
        self.cursor = before.filter(|_| current.is_some()).unwrap_or(0);
    }

    pub(crate) fn press(&mut self, key: &Key, rows: usize) -> Step {
        let page = rows.saturating_sub(2).max(1);
        let last = self.matching.len().saturating_sub(1);
        match key {
            Key::Char(typed) => {
                self.query.push(*typed);
                self.search();
            }
            Key::Backspace => {
                self.query.pop();
                self.search();
            }
            Key::Clear => {
                self.query.clear();
                self.search();
            }
            Key::Up => self.cursor = self.cursor.saturating_sub(1),
            Key::Down => self.cursor = last.min(self.cursor + 1),
            Key::PageUp => self.cursor = self.cursor.saturating_sub(page),
            Key::PageDown => self.cursor = last.min(self.cursor + page),
            Key::First => self.cursor = 0,
            Key::Last => self.cursor = last,
            Key::Mark => self.mark(last),
            Key::Enter => return self.picked(),
            Key::Leave => return Step::Done(Vec::new()),
        }
        Step::GoOn
    }

    fn current(&self) -> Option<&Item> {
        self.items.get(*self.matching.get(self.cursor)?)
    }

    fn mark(&mut self, last: usize) {
        let current = self.current().map(|item| item.id.clone());
        if let Some(id) = current.filter(|_| self.many) {
            if !self.marked.remove(&id) {
                self.marked.insert(id);
            }
            self.cursor = last.min(self.cursor + 1);
        }
    }

    /// What is marked, else what the cursor is on; in the order of the list.
    fn picked(&self) -> Step {
        if self.marked.is_empty() {
            return match self.current() {
                Some(item) => Step::Done(vec![item.id.clone()]),
                None => Step::GoOn,
            };
        }
        let marked = self
            .items
            .iter()
            .filter(|item| self.marked.contains(&item.id));
        Step::Done(marked.map(|item| item.id.clone()).collect())
    }

    /// Finds what matches all words that were typed; the same score leaves the order.
    fn search(&mut self) {
        let pattern = Pattern::parse(&self.query, CaseMatching::Smart, Normalization::Smart);
        let mut buffer = Vec::new();
        let mut scored = Vec::with_capacity(self.items.len());
        for (number, item) in self.items.iter().enumerate() {
            let text = Utf32Str::new(&item.text, &mut buffer);
            if let Some(score) = pattern.score(text, &mut self.matcher) {
                scored.push((std::cmp::Reverse(score), number));
            }
        }
        scored.sort_unstable();
        self.matching = scored.into_iter().map(|(_, number)| number).collect();
        self.cursor = 0;
    }

    /// The screen's lines: what was typed, and as many items as there is room for.
    pub(crate) fn lines(&self, columns: usize, rows: usize) -> Vec<String> {
        let room = rows.saturating_sub(2).max(1);
        let help = match self.many {
            true => "Tab marks, Enter takes, Esc leaves",
            false => "Enter takes, Esc leaves",
        };
        let marked = match self.marked.len() {
            0 => String::new(),
            marked => format!(", {marked} marked"),
        };
        let (found, all) = (self.matching.len(), self.items.len());
        let mut lines = vec![
            fitting(&format!("> {}", self.query), columns),
            fitting(&format!("  {found} of {all}{marked}; {help}"), columns),
        ];
        let first = (self.cursor + 1).saturating_sub(room);
        for (at, number) in self.matching.iter().enumerate().skip(first).take(room) {
            let Some(item) = self.items.get(*number) else {
                continue;
            };
            let cursor = if at == self.cursor { '>' } else { ' ' };
            let mark = if self.marked.contains(&item.id) {
                '*'
            } else {
                ' '
            };
            lines.push(fitting(&format!("{cursor}{mark}{}", item.text), columns));
        }
        lines
    }

    /// Where what is typed next appears.
    pub(crate) fn column(&self) -> usize {
        use unicode_width::UnicodeWidthStr;
        self.query.width() + 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(many: bool) -> List {
        let items = ["web-1", "web-2", "db-1", "cache-9"];
        let item = |(number, name): (usize, &&str)| Item {
            id: format!("i-{number}"),
            text: (*name).to_owned(),
        };
        List::new(items.iter().enumerate().map(item).collect(), many)
    }

    fn press(list: &mut List, keys: &[Key]) -> Step {
        keys.iter().map(|key| list.press(key, 10)).last().unwrap()
    }

    fn done(ids: &[&str]) -> Step {
        Step::Done(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    #[test]
    fn what_is_picked() {
        let typed = |text: &str| text.chars().map(Key::Char).collect::<Vec<_>>();
        for (keys, expected) in [
            (vec![], &["i-0"][..]),
            (vec![Key::Down, Key::Down], &["i-2"]),
            (vec![Key::Last, Key::Down], &["i-3"]),
            (vec![Key::PageDown, Key::First], &["i-0"]),
            (typed("wb2"), &["i-1"]),
            (typed("d1"), &["i-2"]),
            ([typed("zzz"), vec![Key::Clear]].concat(), &["i-0"]),
            (vec![Key::Mark, Key::Down, Key::Mark], &["i-1"]),
        ] {
            let keys = [keys, vec![Key::Enter]].concat();
            assert_eq!(press(&mut list(false), &keys), done(expected), "{keys:?}");
        }
        let marks = [Key::Mark, Key::Down, Key::Mark, Key::Up, Key::Enter];
        assert_eq!(press(&mut list(true), &marks), done(&["i-0", "i-2"]));
        assert_eq!(press(&mut list(true), &[Key::Mark, Key::Leave]), done(&[]));
        assert_eq!(
            press(&mut list(true), &[Key::Char('%'), Key::Enter]),
            Step::GoOn
        );
    }

    #[test]
    fn newer_items_leave_the_cursor() {
        let mut list = list(false);
        press(&mut list, &[Key::Down, Key::Down]);
        let mut items = list.items.clone();
        items.remove(0);
        list.replace(items);
        assert_eq!(list.press(&Key::Enter, 10), done(&["i-2"]));
    }

    #[test]
    fn lines_fit() {
        let mut list = list(true);
        press(&mut list, &[Key::Mark, Key::Down, Key::Down]);
        let lines = list.lines(40, 4);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1], "  4 of 4, 1 marked; Tab marks, Enter ta");
        assert_eq!(lines[3], "> cache-9");
    }
}
