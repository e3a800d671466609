use std::env;
use std::path::PathBuf;
use std::process::Command;

use eic_sandbox::{Instance, Region};

use super::args::DemoArgs;
use super::child::Guard;
use super::report::Failure;
use super::{build, start, ui};

/// Runs eic-term inside a new region.
pub(crate) fn demo(args: &DemoArgs) -> Result<u8, Failure> {
    let program = match &args.eic_term {
        Some(path) => path.clone(),
        None => eic_term()?,
    };
    let guard = Guard::new()?;
    let region = start(&args.region)?;
    let mut command = Command::new(program);
    if args.args.is_empty() {
        ui::say(&welcome(&region));
        command.args(["connect", "db-1"]);
    } else {
        command.args(&args.args);
    }
    guard.run(&region, command)
}

/// The eic-term beside this program, brought up to date where cargo runs us.
fn eic_term() -> Result<PathBuf, Failure> {
    let own = env::current_exe().map_err(|source| Failure::OwnPlace { source })?;
    build::bring_up_to_date(&own)?;
    let program = own.with_file_name(format!("eic-term{}", env::consts::EXE_SUFFIX));
    match program.is_file() {
        true => Ok(program),
        false => Err(Failure::NoEicTerm { looked_at: program }),
    }
}

fn welcome(region: &Region) -> String {
    let there = |one: &&Instance| one.state != "terminated";
    let instances: String = region.instances().iter().filter(there).map(line).collect();
    format!(
        "A region of your own, on this machine only: no AWS account is used, and all\n\
         is gone at the end.\n\n{instances}\n\
         Now:  eic-term connect db-1, which is private: through the endpoint.\n\
         \x20     Leave with `exit`, or ~. after a newline.\n\
         Next: cargo demo list\n\
         \x20     cargo demo exec db-1 -- uname -a\n\
         \x20     cargo demo --rtt 80ms -v exec web-1 -- true\n"
    )
}

fn line(instance: &Instance) -> String {
    let name = instance.name.as_deref().unwrap_or_default();
    let addresses = [instance.public_ip, instance.private_ip, instance.ipv6];
    let addresses: Vec<_> = addresses
        .iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    let addresses = addresses.join(" ");
    format!(
        "  {:<21} {name:<10} {:<11} {addresses}\n",
        instance.id, instance.state
    )
}
