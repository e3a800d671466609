//! Commands with few options.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use eic_auth::Target;

use crate::cli::complete;
use crate::cli::list::{Column, Order};

#[derive(Debug, Args)]
pub(crate) struct Tunnel {
    /// The instance to open the tunnel to
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Target,

    /// Remote port: 22 or 3389, the two that endpoints lead to
    #[arg(long, value_name = "PORT", default_value_t = 22, value_parser = endpoint_port)]
    pub(crate) port: u16,

    /// Make way for another SSH client: push this public key of its own first (the instance takes it for 60
    /// seconds), and go straight to an instance where a login would; the port is that of -p
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "port"])]
    pub(crate) public_key: Option<PathBuf>,

    /// Listen on this address and open one tunnel a connection, instead of using stdio; port 0 lets
    /// the system choose
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen_address)]
    pub(crate) listen: Option<SocketAddr>,

    /// Most connections at once with --listen (an endpoint takes 20)
    #[arg(long, value_name = "N", default_value_t = 20, requires = "listen", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_connections: u16,
}

#[derive(Debug, Args)]
pub(crate) struct SendKey {
    /// The instance to push the key to
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Target,

    /// Public key file: RSA or Ed25519
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these instances: targets without a user, of which any may match
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) filter: Vec<Target>,

    /// Only instances in these states, e.g. running
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub(crate) state: Vec<String>,

    /// Columns, with commas between: id, name, state, zone, addresses, reached, vpc, subnet, account, platform,
    /// endpoint, tag:KEY
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) columns: Vec<Column>,

    /// Sort by a column, backwards with a `-` before it; without it pages are shown as they come, each by name
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub(crate) sort: Option<Order>,

    /// Print JSON: an array, an object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Trust {
    /// List the pins: whose, which key, since when and what spoke for it
    List,
    /// Show an instance's pins in full
    Show {
        /// The instance whose pins to show
        target: Target,
    },
    /// Compare the keys that a host shows with its console and its pins; exit with 1 unless one speaks
    /// for them and none against
    Verify {
        /// The instance to ask
        target: Target,
    },
    /// Pin the keys of a file
    Import {
        /// In known_hosts format with instance ids for names; with a target, that instance's public
        /// keys, whatever their names; `-` for standard input
        file: PathBuf,
        /// The instance whose keys these are
        target: Option<Target>,
    },
    /// Forget an instance's key, so that the next login verifies it anew
    Forget {
        /// The instance whose key to forget
        target: Target,
    },
}

fn endpoint_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port @ (22 | 3389)) => Ok(port),
        Ok(_) => Err("an endpoint leads to port 22 or 3389 only".to_owned()),
        Err(_) => Err("it is no port number".to_owned()),
    }
}

/// `ADDR:PORT`, or a port on the loopback address.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse()
        .map_err(|_| "it must be ADDR:PORT, such as 127.0.0.1:3389".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses() {
        let table = [
            ("127.0.0.1:80", Some("127.0.0.1:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("80", Some("127.0.0.1:80")),
            (":0", Some("127.0.0.1:0")),
            ("example.com:80", None),
            ("70000", None),
        ];
        for (text, expected) in table {
            let address = listen_address(text).ok().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{text}");
        }
    }
}
