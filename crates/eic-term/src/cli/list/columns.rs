//! The columns of a list, and its order.

use std::cmp::Ordering;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::str::FromStr;

use comfy_table::{ColumnConstraint, ContentArrangement, Width, presets};
use eic_term::{terminal, visible};
use unicode_width::UnicodeWidthStr;

use super::row::Row;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    Id,
    Name,
    State,
    Zone,
    Addresses,
    Reached,
    Vpc,
    Subnet,
    Account,
    Platform,
    Endpoint,
    /// The value of a tag.
    Tag(String),
}

const KNOWN: [(&str, Column); 11] = [
    ("id", Column::Id),
    ("name", Column::Name),
    ("state", Column::State),
    ("zone", Column::Zone),
    ("addresses", Column::Addresses),
    ("reached", Column::Reached),
    ("vpc", Column::Vpc),
    ("subnet", Column::Subnet),
    ("account", Column::Account),
    ("platform", Column::Platform),
    ("endpoint", Column::Endpoint),
];
/// How many of them are shown unasked.
const USUAL: usize = 6;

impl FromStr for Column {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(key) = text.strip_prefix("tag:").filter(|key| !key.is_empty()) {
            return Ok(Self::Tag(key.to_owned()));
        }
        let known = KNOWN.iter().find(|(name, _)| *name == text);
        known.map(|(_, column)| column.clone()).ok_or_else(|| {
            let names = KNOWN.map(|(name, _)| name).join(", ");
            format!("there are {names}, and tag:KEY")
        })
    }
}

impl Column {
    fn title(&self) -> String {
        match self {
            Self::Tag(key) => visible(key),
            known => {
                let name = KNOWN.iter().find(|(_, column)| column == known);
                name.map_or(String::new(), |(name, _)| name.to_uppercase())
            }
        }
    }

    fn cell(&self, row: &Row) -> String {
        let text = |text: &Option<String>| visible(text.as_deref().unwrap_or("-"));
        match self {
            Self::Id => row.id.clone(),
            Self::Name => text(&row.name),
            Self::State => visible(&row.state),
            Self::Zone => text(&row.availability_zone),
            Self::Addresses => {
                let addresses: Vec<_> = addresses(row).map(|ip| ip.to_string()).collect();
                addresses.join("\n")
            }
            Self::Reached => format!("{} {}", row.marker(), visible(&row.reached)),
            Self::Vpc => text(&row.vpc_id),
            Self::Subnet => text(&row.subnet_id),
            Self::Account => text(&row.owner_id),
            Self::Platform => text(&row.platform),
            Self::Endpoint => text(&row.endpoint_id),
            Self::Tag(key) => text(&row.tags.get(key).cloned()),
        }
    }

    /// Whether it may be wrapped where room is scarce: the others are there to be copied.
    fn wraps(&self) -> bool {
        matches!(self, Self::Reached | Self::Platform | Self::Tag(_))
    }
}

fn addresses(row: &Row) -> impl Iterator<Item = IpAddr> {
    let all = [row.public_ipv4, row.private_ipv4, row.ipv6];
    all.into_iter().flatten()
}

/// An order: a column, backwards with a `-` before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    column: Column,
    backwards: bool,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (column, backwards) = match text.strip_prefix('-') {
            Some(column) => (column, true),
            None => (text, false),
        };
        let column = column.parse()?;
        Ok(Self { column, backwards })
    }
}

impl Order {
    /// Sorts, numbers in names by their size; equal ones by name and id.
    pub(crate) fn sort(&self, rows: &mut [Row]) {
        rows.sort_by(|a, b| {
            let order = match self.column {
                Column::Addresses => addresses(a).cmp(addresses(b)),
                ref column => natural(&column.cell(a), &column.cell(b)),
            };
            let order = match self.backwards {
                true => order.reverse(),
                false => order,
            };
            order.then_with(|| (&a.name, &a.id).cmp(&(&b.name, &b.id)))
        });
    }
}

/// `web-9` before `web-10`.
fn natural(a: &str, b: &str) -> Ordering {
    parts(a).cmp(parts(b)).then_with(|| a.cmp(b))
}

/// Digits as numbers, all else as characters.
fn parts(text: &str) -> impl Iterator<Item = (char, u128)> {
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        let first = chars.next()?;
        let Some(digit) = first.to_digit(10) else {
            return Some((first, 0));
        };
        let mut number = u128::from(digit);
        while let Some(digit) = chars.peek().and_then(|next| next.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit.into());
            chars.next();
        }
        Some(('0', number))
    })
}

/// Lines of a table that comes in pages; a column never gets narrower.
pub(crate) struct Table {
    columns: Vec<Column>,
    widths: Vec<u16>,
    /// The terminal's width, where one shows the table.
    room: Option<u16>,
}

impl Table {
    /// A table of these columns, or of the usual ones.
    pub(crate) fn new(columns: &[Column]) -> Self {
        let usual = KNOWN.iter().take(USUAL).map(|(_, column)| column.clone());
        let columns = match columns.is_empty() {
            true => usual.collect(),
            false => columns.to_vec(),
        };
        Self {
            columns,
            widths: Vec::new(),
            room: io::stdout().is_terminal().then(|| terminal::size().columns),
        }
    }

    /// The lines of a page; the first one has the titles.
    pub(crate) fn lines(&mut self, rows: &[Row]) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        let titles: Vec<_> = self.columns.iter().map(Column::title).collect();
        let is_first = self.widths.is_empty();
        if is_first {
            self.widths = titles.iter().map(|title| width(title)).collect();
            table.set_header(titles);
        }
        for row in rows {
            let cells: Vec<_> = self.columns.iter().map(|column| column.cell(row)).collect();
            for (known, cell) in self.widths.iter_mut().zip(&cells) {
                *known = cell.lines().map(width).fold(*known, u16::max);
            }
            table.add_row(cells);
        }
        self.arrange(&mut table);
        let lines = table.lines().map(|line| line.trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn arrange(&self, table: &mut comfy_table::Table) {
        if let Some(room) = self.room {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(room);
        }
        let known = self.columns.iter().zip(&self.widths);
        for (column, (kind, width)) in table.column_iter_mut().zip(known) {
            column.set_padding((0, 2));
            if !kind.wraps() || self.room.is_none() {
                // The padding counts.
                let width = Width::Fixed(width.saturating_add(2));
                column.set_constraint(ColumnConstraint::Absolute(width));
            }
        }
    }
}

fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_as_numbers() {
        for (a, b) in [
            ("web-9", "web-10"),
            ("a", "b"),
            ("web-1", "web-1a"),
            ("", "a"),
            ("a1", "ab"),
        ] {
            assert_eq!(natural(a, b), Ordering::Less, "{a} {b}");
        }
    }

    #[test]
    fn columns_and_orders() {
        assert_eq!("tag:Role".parse(), Ok(Column::Tag("Role".to_owned())));
        assert!("tag:".parse::<Column>().is_err());
        let order: Order = "-zone".parse().unwrap();
        assert_eq!((order.column, order.backwards), (Column::Zone, true));
        let error = "colour".parse::<Order>().unwrap_err();
        assert!(error.starts_with("there are id, name, state"), "{error}");
    }
}
