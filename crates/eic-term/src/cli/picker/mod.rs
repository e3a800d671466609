//! A list to pick instances from, where a person sits at a terminal and has named none, or several.

mod keys;
mod list;

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::mem;
use std::time::Duration;

use eic_auth::Instance;
use eic_term::terminal::{self, Console, Keyboard};
use eic_term::{Error, visible_line};
use tokio::time::timeout;
use unicode_width::UnicodeWidthStr;

use super::args::Common;
use super::cache::Known;
use super::progress::column;
use super::report::Failure;
use super::settings::Settings;
use super::ui::Ui;
use keys::{Key, keys};
use list::{Item, List, Step};

/// The other screen, and back: what was there before is there again.
const ENTER: &str = "\x1b[?1049h\x1b[2J";
const LEAVE: &str = "\x1b[?1049l";

/// How long the rest of a sequence may take.
const SEQUENCE: Duration = Duration::from_millis(50);

/// Whether somebody can pick.
pub(crate) fn can_pick(ui: &Ui) -> bool {
    ui.can_ask() && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Lets a person pick of all instances; of those that are known at once, of the others when AWS has told of them. None
/// where the person has left.
pub(crate) async fn pick(common: &Common, many: bool) -> Result<Vec<String>, Failure> {
    let settings = Settings::load(common, None)?;
    let api = settings.api().await?;
    let cache = settings.cache(common, api.region());
    let known = cache.as_ref().map(|cache| cache.all()).unwrap_or_default();
    let newer = async {
        let found = api.list_instances(None).await.map_err(Error::from)?;
        if let Some(cache) = &cache {
            cache.remember(&found, &[], false);
        }
        Ok(items(&found, &known))
    };
    let first: Vec<_> = known.iter().filter_map(Known::instance).collect();
    show(items(&first, &known), newer, many).await
}

/// Lets a person pick one of these.
pub(crate) async fn pick_of(found: &[Instance]) -> Result<Vec<String>, Failure> {
    let nothing_newer = std::future::pending();
    show(items(found, &[]), nothing_newer, false).await
}

/// One line each: last used first, then by name.
fn items(instances: &[Instance], known: &[Known]) -> Vec<Item> {
    let used: HashMap<_, _> = known
        .iter()
        .map(|one| (one.id.as_str(), one.used))
        .collect();
    let mut instances: Vec<_> = instances.iter().collect();
    instances.sort_by_key(|one| {
        let used = used.get(one.id.as_str()).copied().flatten();
        (std::cmp::Reverse(used), &one.name, &one.id)
    });
    let names = instances
        .iter()
        .map(|one| one.name.as_deref().unwrap_or("-"));
    let names: Vec<_> = names.map(visible_line).collect();
    let width = names
        .iter()
        .map(|name| name.width())
        .max()
        .unwrap_or_default()
        .min(32);
    let item = |(one, name): (&&Instance, &String)| {
        let zone = one.availability_zone.as_deref().unwrap_or("-");
        let address = one
            .addresses
            .first()
            .map_or("-".to_owned(), |ip| ip.to_string());
        let text = format!(
            "{}  {}  {:<8}  {zone}  {address}",
            column(name, width),
            one.id,
            one.state.as_str()
        );
        Item {
            id: one.id.to_string(),
            text: visible_line(&text),
        }
    };
    instances.iter().zip(&names).map(item).collect()
}

/// Shows the list until one is picked or the person leaves; the terminal is left as it was.
async fn show(
    items: Vec<Item>,
    newer: impl Future<Output = Result<Vec<Item>, Failure>>,
    many: bool,
) -> Result<Vec<String>, Failure> {
    let failed = |source| Failure::new("cannot show a list on this terminal", source);
    let mut console = Console::open().map_err(failed)?;
    console
        .screen
        .show(ENTER.as_bytes())
        .await
        .map_err(failed)?;
    let picked = choose(&mut console, List::new(items, many), newer).await;
    console
        .screen
        .show(LEAVE.as_bytes())
        .await
        .map_err(failed)?;
    picked
}

async fn choose(
    console: &mut Console,
    mut list: List,
    newer: impl Future<Output = Result<Vec<Item>, Failure>>,
) -> Result<Vec<String>, Failure> {
    let failed = |source| Failure::new("cannot show a list on this terminal", source);
    tokio::pin!(newer);
    let mut waiting = true;
    let mut begun = Vec::new();
    let mut size = terminal::size();
    loop {
        let (columns, rows) = (size.columns.into(), size.rows.into());
        let screen = drawn(&list, columns, rows);
        console
            .screen
            .show(screen.as_bytes())
            .await
            .map_err(failed)?;
        tokio::select! {
            typed = typed(&mut console.keyboard, &mut begun) => {
                let typed = typed.map_or(vec![Key::Leave], |typed| keys(&typed));
                for key in typed {
                    if let Step::Done(picked) = list.press(&key, rows) {
                        return Ok(picked);
                    }
                }
            }
            items = &mut newer, if waiting => {
                waiting = false;
                list.replace(items?);
            }
            resized = console.resizes.next() => size = resized,
        }
    }
}

/// What was typed, `begun` of it earlier. An escape may be the start of a sequence that comes in pieces, over a slow way.
async fn typed(keyboard: &mut Keyboard, begun: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if begun.ends_with(b"\x1b") {
            match timeout(SEQUENCE, keyboard.next()).await {
                Ok(Some(rest)) => begun.extend(rest),
                _ => return Some(mem::take(begun)),
            }
        } else if begun.is_empty() {
            begun.extend(keyboard.next().await?);
        } else {
            return Some(mem::take(begun));
        }
    }
}

/// The whole screen, drawn over what is there.
fn drawn(list: &List, columns: usize, rows: usize) -> String {
    let mut screen = "\x1b[?25l\x1b[H".to_owned();
    for line in list.lines(columns, rows) {
        screen.push_str(&line);
        screen.push_str("\x1b[K\r\n");
    }
    // The last line end may have scrolled nothing, as a line is left free.
    screen.truncate(screen.len().saturating_sub(2));
    screen.push_str(&format!(
        "\x1b[J\x1b[1;{}H\x1b[?25h",
        list.column().min(columns.max(1))
    ));
    screen
}
