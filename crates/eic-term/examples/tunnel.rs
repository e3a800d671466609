//! Opens an endpoint's tunnel for another protocol than SSH and shows what the instance says first:
//! `tunnel TARGET [22|3389]`.
#![allow(clippy::restriction, reason = "an example")]

use eic_auth::{Api, ApiConfig};
use eic_term::{Connector, HostKeyPolicy};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let target = std::env::args()
        .nth(1)
        .expect("usage: tunnel TARGET [PORT]");
    let port = std::env::args()
        .nth(2)
        .map_or(Ok(22), |port| port.parse())?;
    let api = Api::load(ApiConfig::default()).await?;
    let connector = Connector::new(api, HostKeyPolicy::Known(vec![]));
    let mut tunnel = connector.open_tunnel(&target.parse()?, port).await?;
    let mut greeting = vec![0; 256];
    let length = tunnel.read(&mut greeting).await?;
    println!(
        "{}",
        String::from_utf8_lossy(&greeting[..length]).trim_end()
    );
    Ok(())
}
