//! `eic-term trust list|forget`

use std::process::ExitCode;

use eic_auth::{Selector, Target};
use eic_term::{Error, Pin, PinFile, visible};

use super::args::{Common, Trust};
use super::folders;
use super::report::Failure;
use super::settings::Settings;
use super::ui::Ui;

pub(crate) async fn run(common: &Common, args: &Trust, ui: &Ui) -> Result<ExitCode, Failure> {
    let pins = PinFile::new(folders::pins()?);
    match args {
        Trust::List => list(&pins, ui)?,
        Trust::Forget { target } => forget(&pins, common, target, ui).await?,
    }
    Ok(ExitCode::SUCCESS)
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
    let line = format!(
        "{:<21} {}  {}",
        visible(&pin.name),
        pin.key,
        visible(&pin.note)
    );
    line.trim_end().to_owned()
}

async fn forget(pins: &PinFile, common: &Common, target: &Target, ui: &Ui) -> Result<(), Failure> {
    let name = match &target.selector {
        Selector::Id(id) => id.to_string(),
        selector => {
            let api = Settings::load(common, Some(target))?.api().await?;
            let found = api.find_instance(selector).await;
            found.map_err(Error::from)?.id.to_string()
        }
    };
    match pins.forget(&name).map_err(Error::from)? {
        0 => Err(Failure::caused(
            format!("cannot forget the host key of {name}"),
            format!("none is pinned in {}", pins.path().display()),
        )),
        _ => {
            ui.notice(&format!("forgot the host key of {name}"));
            Ok(())
        }
    }
}
