//! `eic-term trust list|show|verify|import|forget`

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use eic_auth::{InstanceId, Selector, Target};
use eic_term::{Error, HostKey, Pin, PinFile, visible};

use super::args::{Common, Trust};
use super::report::Failure;
use super::settings::Settings;
use super::ui::Ui;
use super::{folders, verify};

/// A file of keys larger than this is none, in bytes.
const LARGEST: u64 = 16 << 20;

pub(crate) async fn run(common: &Common, args: &Trust, ui: &Ui) -> Result<ExitCode, Failure> {
    let pins = PinFile::new(folders::pins()?);
    match args {
        Trust::List => list(&pins, ui)?,
        Trust::Show { target } => show(&pins, &id(common, target).await?, ui)?,
        Trust::Verify { target } => return verify::run(common, target, &pins, ui).await,
        Trust::Import { file, target } => {
            let id = match target {
                Some(target) => Some(id(common, target).await?),
                None => None,
            };
            import(&pins, file, id.as_ref(), ui)?;
        }
        Trust::Forget { target } => forget(&pins, &id(common, target).await?, ui)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The instance that is meant, looked up where its id is not what was typed.
async fn id(common: &Common, target: &Target) -> Result<InstanceId, Failure> {
    match &target.selector {
        Selector::Id(id) => Ok(id.clone()),
        selector => {
            let api = Settings::load(common, Some(target))?.api().await?;
            let found = api.find_instance(selector).await;
            Ok(found.map_err(Error::from)?.id)
        }
    }
}

fn list(file: &PinFile, ui: &Ui) -> Result<(), Failure> {
    let pins = file.pins().map_err(Error::from)?;
    if pins.is_empty() {
        ui.notice(&format!("no pins in {}", file.path().display()));
        return Ok(());
    }
    let lines: Vec<_> = pins.iter().map(line).collect();
    ui.result(&lines.join("\n"))
}

fn line(pin: &Pin) -> String {
    let (name, note) = (visible(&pin.name), visible(&pin.note));
    let line = format!("{name:<21} {}  {note}", pin.key);
    line.trim_end().to_owned()
}

fn show(file: &PinFile, id: &InstanceId, ui: &Ui) -> Result<(), Failure> {
    let pins = file.pins().map_err(Error::from)?;
    let of_id = pins.iter().filter(|pin| pin.name == id.as_str());
    let shown: Vec<_> = of_id.map(|pin| in_full(pin, file.path())).collect();
    if shown.is_empty() {
        return Err(none_pinned("show", id, file));
    }
    ui.result(&shown.join("\n\n"))
}

fn in_full(pin: &Pin, path: &Path) -> String {
    let (when, how) = pin.note.split_once(' ').unwrap_or((&pin.note, ""));
    let or = |text: &str| match text {
        "" => "unknown".to_owned(),
        text => visible(text),
    };
    format!(
        "instance:    {}\nfingerprint: {}\nkey:         {}\npinned:      {}\nproof:       {}\nfile:        {}, line {}",
        pin.name,
        pin.key,
        pin.key.to_line(),
        or(when),
        or(how),
        path.display(),
        pin.line
    )
}

fn import(pins: &PinFile, file: &Path, id: Option<&InstanceId>, ui: &Ui) -> Result<(), Failure> {
    let shown = visible(&file.display().to_string());
    let text = read(file).map_err(|source| Failure::new(format!("cannot read {shown}"), source))?;
    let keys = match id {
        Some(id) => keys_of(&text, id),
        None => keys_by_id(&text),
    };
    if keys.is_empty() {
        let cause = match id {
            Some(_) => "there is no public key in it",
            None => "there is no key in it whose name is an instance id",
        };
        let failure = Failure::caused(format!("cannot import {shown}"), cause);
        return Err(failure.advised("`eic-term trust import FILE TARGET` says whose keys they are"));
    }
    let new = pins.import(&keys, "imported").map_err(Error::from)?;
    ui.notice(&format!(
        "pinned {new} of {} keys; the others were",
        keys.len()
    ));
    Ok(())
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(LARGEST)
            .read_to_end(&mut text)?;
    } else {
        std::fs::File::open(file)?
            .take(LARGEST)
            .read_to_end(&mut text)?;
    }
    Ok(text)
}

/// Every key of a text, be it `ALGORITHM KEY` or `NAME ALGORITHM KEY`, as this instance's.
fn keys_of(text: &[u8], id: &InstanceId) -> Vec<(String, HostKey)> {
    let text = String::from_utf8_lossy(text);
    let bare = text.lines().filter_map(HostKey::parse);
    let named = Pin::read_all(text.as_bytes())
        .into_iter()
        .map(|pin| pin.key);
    let mut keys: Vec<(String, HostKey)> = Vec::new();
    for key in bare.chain(named) {
        if keys.iter().all(|(_, known)| *known != key) {
            keys.push((id.to_string(), key));
        }
    }
    keys
}

/// The keys whose names are instance ids.
fn keys_by_id(text: &[u8]) -> Vec<(String, HostKey)> {
    let pins = Pin::read_all(text).into_iter();
    let of_instances = pins.filter(|pin| pin.name.parse::<InstanceId>().is_ok());
    of_instances.map(|pin| (pin.name, pin.key)).collect()
}

fn forget(pins: &PinFile, id: &InstanceId, ui: &Ui) -> Result<(), Failure> {
    match pins.forget(id.as_str()).map_err(Error::from)? {
        0 => Err(none_pinned("forget", id, pins)),
        _ => {
            ui.notice(&format!("forgot the host key of {id}"));
            Ok(())
        }
    }
}

fn none_pinned(what: &str, id: &InstanceId, pins: &PinFile) -> Failure {
    let cause = format!("none is pinned in {}", pins.path().display());
    Failure::caused(format!("cannot {what} the host key of {id}"), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn keys_of_files_of_every_form() {
        let id: InstanceId = "i-0e1c0000000000001".parse().unwrap();
        for text in [
            format!("{KEY} root@host\n"),
            format!("# comment\n10.0.0.7 {KEY}\n"),
            format!("a,b {KEY}\n{KEY}\n"),
        ] {
            assert_eq!(keys_of(text.as_bytes(), &id).len(), 1, "{text}");
        }
        let named = format!("i-0e1c0000000000002,web {KEY}\nweb {KEY}\n@revoked i-1 {KEY}\n");
        let keys = keys_by_id(named.as_bytes());
        let names: Vec<_> = keys.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["i-0e1c0000000000002"]);
    }
}
