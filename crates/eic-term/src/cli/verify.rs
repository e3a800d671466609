//! `eic-term trust verify TARGET`: what a host shows, beside what speaks for it.

use std::process::ExitCode;

use eic_auth::{ConsoleKeys, Target};
use eic_term::{Destination, Error, HostKey, PinFile, visible};

use super::args::Common;
use super::report::Failure;
use super::settings::Settings;
use super::ui::Ui;

/// The exit code where the keys are not proven.
const UNPROVEN: u8 = 1;

pub(crate) async fn run(
    common: &Common,
    target: &Target,
    pins: &PinFile,
    ui: &Ui,
) -> Result<ExitCode, Failure> {
    let connector = Settings::load(common, Some(target))?.connector(ui).await?;
    let to = connector.find(&target.selector).await?;
    let (shown, console) = tokio::join!(connector.host_keys(&to), connector.console_keys(&to.id));
    let pinned = pins.pins().map_err(Error::from)?.into_iter();
    let pinned = pinned.filter(|pin| pin.name == to.id.as_str());
    let console = match console {
        Ok(ConsoleKeys::Keys(lines)) => Source::keys(&lines),
        Ok(ConsoleKeys::None) => Source::Silent("shows no host keys (any more)".to_owned()),
        Ok(ConsoleKeys::Conflict) => Source::Conflict,
        Err(error) => Source::Silent(format!("cannot be read: {error}")),
    };
    let pinned = match pinned.map(|pin| pin.key).collect::<Vec<_>>() {
        keys if keys.is_empty() => Source::Silent("has none".to_owned()),
        keys => Source::Keys(keys),
    };
    let (text, proven) = compare(&shown?, &console, &pinned);
    ui.result(&format!("{}\n{text}", title(&to)))?;
    Ok(if proven {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(UNPROVEN)
    })
}

fn title(to: &Destination) -> String {
    format!("{} at {}", to.id, to.address)
}

/// What can speak for keys.
enum Source {
    Keys(Vec<HostKey>),
    Conflict,
    /// It says nothing, for this reason.
    Silent(String),
}

impl Source {
    fn keys(lines: &[String]) -> Self {
        Self::Keys(
            lines
                .iter()
                .filter_map(|line| HostKey::parse(line))
                .collect(),
        )
    }

    /// What it says of a key, and whether that proves it, or disproves it.
    fn says(&self, key: &HostKey) -> (&'static str, Option<bool>) {
        match self {
            Self::Keys(keys) if keys.contains(key) => ("the same", Some(true)),
            Self::Keys(keys) if keys.iter().any(|one| one.algorithm() == key.algorithm()) => {
                ("ANOTHER KEY", Some(false))
            }
            Self::Keys(_) => ("none of this kind", None),
            Self::Conflict => ("contradicts itself", Some(false)),
            Self::Silent(_) => ("says nothing", None),
        }
    }

    fn note(&self, name: &str) -> Option<String> {
        match self {
            Self::Silent(why) => Some(format!("{name} {}", visible(why))),
            Self::Conflict => Some(format!("{name} shows several sets of keys")),
            Self::Keys(_) => None,
        }
    }
}

/// A line a key and a verdict; and whether something speaks for the keys and nothing against them.
fn compare(shown: &[HostKey], console: &Source, pinned: &Source) -> (String, bool) {
    let mut lines = Vec::new();
    let mut votes = Vec::new();
    for key in shown {
        let ((by_console, one), (by_pins, other)) = (console.says(key), pinned.says(key));
        votes.extend([one, other].into_iter().flatten());
        lines.push(format!(
            "{key}\n    console: {by_console}; pinned: {by_pins}"
        ));
    }
    lines.extend(console.note("its console"));
    lines.extend(pinned.note("the pin file"));
    let proven = votes.contains(&true) && !votes.contains(&false);
    lines.push(match (proven, votes.contains(&false)) {
        (true, _) => "verified".to_owned(),
        (false, true) => {
            "NOT VERIFIED: somebody may be impersonating the host, or its keys were made anew"
                .to_owned()
        }
        (false, false) => "not verified: nothing speaks for these keys".to_owned(),
    });
    (lines.join("\n"), proven)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    #[test]
    fn verdicts() {
        let keys = |line: &str| Source::keys(&[line.to_owned()]);
        let silent = || Source::Silent("is silent".to_owned());
        for (console, pinned, proven, said) in [
            (keys(KEY), silent(), true, "the same"),
            (silent(), keys(KEY), true, "console is silent"),
            (keys(OTHER), keys(KEY), false, "ANOTHER KEY"),
            (Source::Conflict, keys(KEY), false, "several sets"),
            (silent(), silent(), false, "nothing speaks"),
        ] {
            let shown = [HostKey::parse(KEY).unwrap()];
            let (text, verdict) = compare(&shown, &console, &pinned);
            assert_eq!(verdict, proven, "{text}");
            assert!(text.contains(said), "{text}");
        }
    }
}
