//! What `ls` and `stat` show: pure.

use std::cmp::Ordering;

use eic_term::files::{Attributes, FileKind};
use eic_term::visible_line;
use jiff::{Timestamp, tz::TimeZone};
use unicode_width::UnicodeWidthStr;

use super::command::{Listing, Order, View};

/// How old what shows a year instead of a time is, in seconds: half a year.
const OLD: i64 = 365 * 24 * 60 * 60 / 2;
/// Letters of sizes, each 1024 times the one before.
const UNITS: &str = "BKMGTPE";

/// A file to show.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// As it is shown, before it is made visible.
    pub(super) name: Vec<u8>,
    pub(super) attributes: Attributes,
    /// Its user's and group's names, where they are known.
    pub(super) owner: Option<(Vec<u8>, Vec<u8>)>,
}

/// When and where a listing is read.
#[derive(Debug, Clone)]
pub(super) struct Now {
    /// In seconds since 1970.
    pub(super) time: i64,
    pub(super) zone: TimeZone,
}

impl Now {
    pub(super) fn here() -> Self {
        Self {
            time: Timestamp::now().as_second(),
            zone: TimeZone::system(),
        }
    }
}

/// Puts rows into the order that is asked for.
pub(super) fn sort(rows: &mut [Row], listing: &Listing) {
    let compare = |one: &Row, other: &Row| match listing.order {
        Order::Name => one.name.cmp(&other.name),
        Order::Size => other.attributes.size.cmp(&one.attributes.size),
        Order::Time => written(&other.attributes).cmp(&written(&one.attributes)),
        Order::AsSent => Ordering::Equal,
    };
    let is_sorted = listing.order != Order::AsSent;
    rows.sort_by(|one, other| match compare(one, other) {
        ordering if listing.reverse && is_sorted => ordering.reverse(),
        ordering => ordering,
    });
}

fn written(attributes: &Attributes) -> Option<u32> {
    attributes.times.map(|(_, written)| written)
}

/// The lines of a listing; `margin` is how much wider than its name an entry counts, where the path to it is left out.
pub(super) fn lines(
    rows: &[Row],
    listing: &Listing,
    margin: usize,
    width: usize,
    now: &Now,
) -> Vec<String> {
    let names = rows.iter().map(|row| shown(&row.name));
    match listing.view {
        View::OneColumn => names.collect(),
        View::Columns => columns(&names.collect::<Vec<_>>(), margin, width),
        View::Long | View::Numeric => rows.iter().map(|row| long(row, listing, now)).collect(),
    }
}

fn columns(names: &[String], margin: usize, width: usize) -> Vec<String> {
    let longest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let count = (width / (longest + margin + 2)).max(1);
    let space = width / count;
    let line = |names: &[String]| {
        let padded = names.iter().map(|name| {
            let padding = " ".repeat(space.saturating_sub(name.width()));
            format!("{name}{padding}")
        });
        padded.collect()
    };
    names.chunks(count).map(line).collect()
}

fn shown(name: &[u8]) -> String {
    visible_line(&String::from_utf8_lossy(name))
}

/// A line as of `ls -l`; how many links there are no server says.
fn long(row: &Row, listing: &Listing, now: &Now) -> String {
    let attributes = &row.attributes;
    let (user, group) = owner(row, listing.view);
    let size = attributes.size.unwrap_or(0);
    let size = match listing.human {
        true => format!("{:>8}", scaled(size)),
        false => format!("{size:>8}"),
    };
    let mode = mode(attributes.mode);
    let time = written(attributes).map_or("-".to_owned(), |time| date(time.into(), now));
    let name = shown(&row.name);
    format!("{mode}    ? {user:<8} {group:<8} {size} {time:>12} {name}")
}

fn owner(row: &Row, view: View) -> (String, String) {
    let (user, group) = row.attributes.owner.unwrap_or_default();
    let or_number = |name: &[u8], number: u32| match name {
        [] => number.to_string(),
        name => shown(name),
    };
    match &row.owner {
        Some((user_name, group_name)) if view != View::Numeric => {
            (or_number(user_name, user), or_number(group_name, group))
        }
        _ => (user.to_string(), group.to_string()),
    }
}

/// All that a host says of a file, a line each.
pub(super) fn details(row: &Row, now: &Now) -> Vec<String> {
    let attributes = &row.attributes;
    let (user, group) = owner(row, View::Long);
    let (user_number, group_number) = attributes.owner.unwrap_or_default();
    let permissions = attributes.permissions().unwrap_or_default();
    let moment = |time: u32| {
        let time = Timestamp::from_second(time.into()).map(|time| time.to_zoned(now.zone.clone()));
        time.map_or("-".to_owned(), |time| {
            time.strftime("%Y-%m-%d %H:%M:%S %z").to_string()
        })
    };
    let mut lines = vec![
        shown(&row.name),
        format!("  mode      {} ({permissions:04o})", mode(attributes.mode)),
    ];
    if let Some(size) = attributes.size {
        lines.push(format!("  size      {size}"));
    }
    if attributes.owner.is_some() {
        lines.push(format!(
            "  owner     {user} ({user_number}), group {group} ({group_number})"
        ));
    }
    if let Some((read, written)) = attributes.times {
        lines.push(format!("  modified  {}", moment(written)));
        lines.push(format!("  accessed  {}", moment(read)));
    }
    lines
}

/// The names of a file's user and group out of the line that a server gives: its third and fourth word.
pub(super) fn owner_in(long_name: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let words = long_name.split(u8::is_ascii_whitespace);
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [mode, _, user, group, _, _, _, _, ..] if mode.len() >= 10 => {
            Some((user.to_vec(), group.to_vec()))
        }
        _ => None,
    }
}

/// What a file is and who may do what with it, as strmode(3) has it.
pub(super) fn mode(mode: Option<u32>) -> String {
    let Some(mode) = mode else {
        return "?---------".to_owned();
    };
    let kind = match FileKind::of_mode(mode) {
        FileKind::Folder => 'd',
        FileKind::Symlink => 'l',
        FileKind::File => '-',
        FileKind::Special => match mode >> 12 & 0o17 {
            0o1 => 'p',
            0o2 => 'c',
            0o6 => 'b',
            0o14 => 's',
            _ => '?',
        },
    };
    let letter = |bit: u32, letter: char| if mode & bit != 0 { letter } else { '-' };
    let execute =
        |bit: u32, special: u32, letter: char| match (mode & bit != 0, mode & special != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        };
    let letters = [
        kind,
        letter(0o400, 'r'),
        letter(0o200, 'w'),
        execute(0o100, 0o4000, 's'),
        letter(0o40, 'r'),
        letter(0o20, 'w'),
        execute(0o10, 0o2000, 's'),
        letter(0o4, 'r'),
        letter(0o2, 'w'),
        execute(0o1, 0o1000, 't'),
    ];
    letters.iter().collect()
}

/// With a time of day where it is not old, and with a year where it is, or still to come.
fn date(time: i64, now: &Now) -> String {
    let recent = (now.time - OLD..=now.time).contains(&time);
    let format = if recent { "%b %e %H:%M" } else { "%b %e  %Y" };
    let Ok(time) = Timestamp::from_second(time) else {
        return "-".to_owned();
    };
    time.to_zoned(now.zone.clone()).strftime(format).to_string()
}

/// A size in four digits at most.
pub(super) fn scaled(size: u64) -> String {
    let mut unit: u64 = 1;
    let mut letters = UNITS.chars();
    let mut letter = letters.next().unwrap_or('B');
    while size / unit >= 1024 {
        let Some(next) = letters.next() else { break };
        letter = next;
        unit <<= 10;
    }
    let (whole, rest) = (size / unit, size % unit);
    let tenths = match unit {
        1 => 0,
        _ => (10 * (rest / (unit >> 10)) + 512) / 1024,
    };
    let (whole, tenths) = if tenths >= 10 {
        (whole + 1, 0)
    } else {
        (whole, tenths)
    };
    match whole {
        _ if unit == 1 => format!("{whole}{letter}"),
        100.. => format!("{}{letter}", whole + u64::from(tenths >= 5)),
        _ => format!("{whole}.{tenths}{letter}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn now() -> Now {
        Now {
            time: NOW,
            zone: TimeZone::UTC,
        }
    }

    fn row(name: &str, size: u64, written: u32) -> Row {
        Row {
            name: name.as_bytes().to_vec(),
            attributes: Attributes {
                size: Some(size),
                owner: Some((0, 1000)),
                mode: Some(0o100_644),
                times: Some((0, written)),
            },
            owner: Some((b"root".to_vec(), Vec::new())),
        }
    }

    #[test]
    fn orders() {
        for (order, reverse, expected) in [
            (Order::Name, false, "a b c"),
            (Order::Name, true, "c b a"),
            (Order::Size, false, "c a b"),
            (Order::Time, false, "b c a"),
            (Order::Time, true, "a c b"),
            (Order::AsSent, true, "b a c"),
        ] {
            let mut rows = [row("b", 1, 30), row("a", 2, 10), row("c", 3, 20)];
            let listing = Listing {
                order,
                reverse,
                ..Listing::default()
            };
            sort(&mut rows, &listing);
            let names = rows.map(|row| String::from_utf8(row.name).unwrap());
            assert_eq!(names.join(" "), expected, "{order:?} {reverse}");
        }
    }

    #[test]
    fn views() {
        let rows = [row("a", 0, 0), row("bb\x1b", 2000, 1_699_999_000)];
        let lines = |view, human, width| {
            let listing = Listing {
                view,
                human,
                ..Listing::default()
            };
            super::lines(&rows, &listing, 0, width, &now())
        };
        assert_eq!(lines(View::OneColumn, false, 80), ["a", "bb\\u{1b}"]);
        assert_eq!(
            lines(View::Columns, false, 24),
            ["a           bb\\u{1b}    "]
        );
        assert_eq!(
            lines(View::Columns, false, 10),
            ["a         ", "bb\\u{1b}  "]
        );
        assert_eq!(
            lines(View::Long, false, 80),
            [
                "-rw-r--r--    ? root     1000            0 Jan  1  1970 a",
                "-rw-r--r--    ? root     1000         2000 Nov 14 21:56 bb\\u{1b}",
            ]
        );
        assert_eq!(
            lines(View::Numeric, true, 80)[1],
            "-rw-r--r--    ? 0        1000         2.0K Nov 14 21:56 bb\\u{1b}"
        );
        assert!(super::lines(&[], &Listing::default(), 0, 80, &now()).is_empty());
    }

    #[test]
    fn dates() {
        for (time, expected) in [
            (NOW, "Nov 14 22:13"),
            (NOW - OLD, "May 16 10:13"),
            (NOW - OLD - 1, "May 16  2023"),
            (NOW + 1, "Nov 14  2023"),
        ] {
            assert_eq!(date(time, &now()), expected);
        }
    }

    #[test]
    fn modes() {
        for (bits, expected) in [
            (0o100_644, "-rw-r--r--"),
            (0o040_755, "drwxr-xr-x"),
            (0o041_777, "drwxrwxrwt"),
            (0o041_776, "drwxrwxrwT"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_644, "-rw-r-Sr--"),
            (0o120_777, "lrwxrwxrwx"),
            (0o020_666, "crw-rw-rw-"),
            (0o060_660, "brw-rw----"),
            (0o010_600, "prw-------"),
            (0o140_755, "srwxr-xr-x"),
        ] {
            assert_eq!(mode(Some(bits)), expected, "{bits:o}");
        }
    }

    #[test]
    fn sizes() {
        for (size, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1023, "1023B"),
            (1024, "1.0K"),
            (1536, "1.5K"),
            (2047, "2.0K"),
            (102_400, "100K"),
            (102_912, "101K"),
            (5 << 30, "5.0G"),
            (u64::MAX, "16.0E"),
        ] {
            assert_eq!(scaled(size), expected, "{size}");
        }
    }

    #[test]
    fn owners_in_lines() {
        let line = b"-rw-r--r--    1 root     wheel        3 Nov 22 08:20 a b";
        let owner = owner_in(line)
            .map(|(user, group)| [user, group].map(|one| String::from_utf8(one).unwrap()));
        assert_eq!(owner, Some(["root".to_owned(), "wheel".to_owned()]));
        for line in ["", "a", "total 1 2 3 4 5 6 7 8"] {
            assert_eq!(owner_in(line.as_bytes()), None, "{line}");
        }
    }
}
