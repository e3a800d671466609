//! What can be typed: clap types and nothing else.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};
use eic_auth::{OsUser, Target};
use eic_term::ConnectionType;

const EXAMPLES: &str = "\
Examples:
  eic-term web-1                              a shell on the instance named web-1, as ec2-user
  eic-term ubuntu@i-0123456789abcdef0         by instance id, as another user
  eic-term exec tag:Role=db -- uptime         one command, its exit status passed on
  eic-term exec web-1 -- tar c /etc > etc.tar byte-clean and streamed
  eic-term tunnel db-1 --port 3389 --listen 127.0.0.1:3389
  ssh -o ProxyCommand='eic-term tunnel %h' ec2-user@i-0123456789abcdef0
  eic-term list 'web-*'                       what is there and how it would be reached

A TARGET is [USER@] and one of: an instance id, a Name tag (* and ? are wildcards), tag:KEY=VALUE,
an IP address, a DNS name.

Exit status: the remote command's; 255 for a failure of our own; 2 for wrong usage.";

/// Log in to EC2 instances, with EC2 Instance Connect built in
#[derive(Debug, Parser)]
#[command(name = "eic-term", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(override_usage = "eic-term [OPTIONS] TARGET\n       eic-term [OPTIONS] COMMAND …")]
#[command(subcommand_negates_reqs = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,

    /// The instance to open a shell on, as `connect` does
    pub(crate) target: Option<Target>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a shell (the default: `eic-term TARGET`)
    Connect(Connect),
    /// Run one command and exit with its status
    Exec(Exec),
    /// Open an endpoint's tunnel: on stdio as a ProxyCommand, or on a local port
    Tunnel(Tunnel),
    /// Push a public key of your own; the instance takes it for 60 seconds
    SendKey(SendKey),
    /// List instances and how each would be reached
    List(List),
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// OS user to log in as, where the target names none [default: ec2-user]
    #[arg(short = 'l', long, value_name = "USER", global = true)]
    pub(crate) login_name: Option<OsUser>,

    /// SSH port [default: 22]
    #[arg(short = 'p', value_name = "PORT", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) ssh_port: Option<u16>,

    /// Private key of your own to log in with; nothing is pushed
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) identity: Option<PathBuf>,

    /// AWS profile
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<String>,

    /// AWS region
    #[arg(long, value_name = "REGION", global = true)]
    pub(crate) region: Option<String>,

    /// Way to the instance: auto, direct, or eice (an EC2 Instance Connect Endpoint) [default: auto]
    #[arg(long, value_name = "TYPE", global = true)]
    pub(crate) connection_type: Option<ConnectionType>,

    /// Address to connect to instead of the instance's own
    #[arg(long, value_name = "IP", global = true)]
    pub(crate) instance_ip: Option<IpAddr>,

    /// Endpoint to go through (eice-…) instead of the best in the instance's VPC
    #[arg(long, value_name = "ID", global = true)]
    pub(crate) endpoint_id: Option<String>,

    /// DNS name of that endpoint, which saves looking it up
    #[arg(long, value_name = "NAME", global = true, requires = "endpoint_id")]
    pub(crate) endpoint_dns_name: Option<String>,

    /// Seconds that the endpoint keeps the tunnel open, 1 to 3600 [default: 3600]
    #[arg(long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) max_tunnel_duration: Option<u16>,

    /// Seconds to wait for each step of connecting [default: 15]
    #[arg(long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) connect_timeout: Option<u16>,

    /// Configuration file [default: eic-term/config.toml in the platform's configuration folder]
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        env = "EIC_TERM_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// Show a timeline of the connection; -vv adds library logs, -vvv wire-level ones
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,

    /// Print no notices, only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The instance to open a shell on
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Run the command in a pseudo-terminal, for programs that need a screen
    #[arg(short, long)]
    pub(crate) tty: bool,

    /// Give the command no input
    #[arg(short = 'n', long)]
    pub(crate) no_stdin: bool,

    /// The instance to run the command on
    pub(crate) target: Target,

    /// The command: its words are joined by spaces and given to the remote user's shell
    #[arg(required = true, last = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Tunnel {
    /// The instance to open the tunnel to
    pub(crate) target: Target,

    /// Remote port: 22 or 3389, the two that endpoints lead to
    #[arg(long, value_name = "PORT", default_value_t = 22, value_parser = endpoint_port)]
    pub(crate) port: u16,

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
    pub(crate) target: Target,

    /// Public key file: RSA or Ed25519
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only these instances: a target without a user
    pub(crate) filter: Option<Target>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
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
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_bare_target_is_connect_and_options_stand_anywhere() {
        let cli = Cli::parse_from(["eic-term", "--region", "eu-west-1", "ubuntu@web-1"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.target.unwrap().to_string(), "ubuntu@web-1");
        let cli = Cli::parse_from(["eic-term", "exec", "web-1", "-l", "admin", "--", "ls", "-l"]);
        assert_eq!(cli.common.login_name.unwrap().as_str(), "admin");
        let Some(Command::Exec(exec)) = cli.command else {
            panic!("not exec");
        };
        assert_eq!(exec.command, ["ls", "-l"]);
    }

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
