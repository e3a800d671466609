//! Logs in to an instance and runs a command: `run_command TARGET COMMAND`.
#![allow(clippy::restriction, reason = "an example")]

use eic_auth::{Api, ApiConfig};
use eic_term::{Connector, PinFile};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, target, command] = arguments.as_slice() else {
        return Err("usage: run_command TARGET COMMAND".into());
    };
    let api = Api::load(ApiConfig::default()).await?;
    let pins = PinFile::new(std::env::temp_dir().join("run_command.known_hosts"));
    let connector = Connector::new(api, pins);
    let session = connector.connect(&target.parse()?).await?;
    let output = session.command(command.as_str()).output().await?;
    println!(
        "{:?}: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(session.close().await?)
}
