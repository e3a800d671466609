//! Logs in to an instance and runs a command: `run_command TARGET COMMAND`.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::field_reassign_with_default,
    reason = "an example"
)]

use eic_auth::{Api, ApiConfig};
use eic_term::{ConnectOptions, Connector, PinFile};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [target, command, port] = arguments();
    let mut options = ConnectOptions::default();
    options.port = port.parse()?;
    let api = Api::load(ApiConfig::default()).await?;
    let pins = PinFile::new(std::env::temp_dir().join("run_command.known_hosts"));
    let session = Connector::new(api, pins)
        .options(options)
        .connect(&target.parse()?)
        .await?;
    let output = session.command(command).output().await?;
    println!(
        "{:?}: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(session.close().await?)
}

fn arguments() -> [String; 3] {
    let mut arguments = std::env::args().skip(1);
    let target = arguments
        .next()
        .expect("usage: run_command TARGET COMMAND [PORT]");
    let command = arguments.next().unwrap_or_else(|| "uname -a".to_owned());
    [
        target,
        command,
        arguments.next().unwrap_or_else(|| "22".to_owned()),
    ]
}
