//! Options of every command.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};
use eic_auth::{InstanceId, OsUser};
use eic_term::{ConnectionType, TrustLevel};

use super::Cli;
use crate::cli::report::Failure;

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// OS user to log in as, where the target names none [default: ec2-user]
    #[arg(short = 'l', long, value_name = "USER", global = true)]
    pub(crate) login_name: Option<OsUser>,

    /// SSH port [default: 22]
    #[arg(short = 'p', value_name = "PORT", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) ssh_port: Option<u16>,

    /// Private key of your own to log in with, or the public half of one in the ssh-agent; nothing is
    /// pushed
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) identity: Vec<PathBuf>,

    /// Log in with the ssh-agent's keys; nothing is pushed
    #[arg(long, global = true)]
    pub(crate) agent: bool,

    /// AWS profile
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) profile: Option<String>,

    /// AWS region
    #[arg(long, value_name = "REGION", global = true)]
    pub(crate) region: Option<String>,

    /// What must speak for a new host key: strict (known_hosts or the instance's console), aws (or an
    /// endpoint's path, or you), accept-new, off [default: aws]
    #[arg(long, value_name = "LEVEL", global = true)]
    pub(crate) host_key: Option<TrustLevel>,

    /// Offer SHA-1 and CBC too, for servers that know nothing else
    #[arg(long, global = true)]
    pub(crate) legacy: bool,

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

    /// Seconds after which a silent host is asked for a sign of life; three misses end the session; 0 for
    /// never [default: 15]
    #[arg(long, value_name = "SECONDS", global = true)]
    pub(crate) keepalive: Option<u16>,

    /// Look everything up anew: use and keep no cache of where instances are
    #[arg(
        long,
        global = true,
        env = "EIC_TERM_NO_CACHE",
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub(crate) no_cache: bool,

    /// Configuration file [default: eic-term/config.toml in the platform's configuration folder]
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        env = "EIC_TERM_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// OpenSSH's configuration file for connect, exec and forward, or `none` [default: ~/.ssh/config and the
    /// system's]
    #[arg(
        short = 'F',
        long,
        value_name = "FILE",
        global = true,
        env = "EIC_TERM_SSH_CONFIG",
        hide_env_values = true
    )]
    pub(crate) ssh_config: Option<String>,

    /// Hosts on the way for connect, exec and forward, instances or others, with commas between:
    /// [USER@]HOST[:PORT]; `none` for none
    #[arg(short = 'J', long, value_name = "HOSTS", global = true)]
    pub(crate) jump: Option<String>,

    /// The instance that a host's name means, whatever the name (`mssh -t`).
    #[arg(skip)]
    pub(crate) instance: Option<InstanceId>,

    /// Show a timeline of the connection; -vv adds library logs, -vvv wire-level ones
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,

    /// Print no notices, only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

impl Common {
    /// What holds where nothing is typed: the environment's words.
    pub(crate) fn untyped() -> Result<Self, Failure> {
        // Anything will do for a target.
        let read = Cli::try_parse_from(["eic-term", "any"]);
        let read = read.map_err(|source| Failure::new("cannot read the environment", source))?;
        Ok(read.common)
    }

    /// What holds for the hosts on the way, too: whose account it is and what is believed there.
    pub(crate) fn account(&self) -> Self {
        Self {
            login_name: None,
            ssh_port: None,
            identity: Vec::new(),
            agent: false,
            connection_type: None,
            instance_ip: None,
            endpoint_id: None,
            endpoint_dns_name: None,
            jump: None,
            instance: None,
            ..self.clone()
        }
    }
}
