use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use eic_sandbox::{Fault, parse_duration};

/// A local AWS region for demos and tests
///
/// EC2, EC2 Instance Connect, its endpoints, and SSH hosts to log in to: all on loopback, on
/// ports of the system's choosing, and gone at the end. No AWS account is needed or touched.
#[derive(Debug, Parser)]
#[command(name = "eic-sandbox", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  eic-sandbox run -- aws ec2 describe-instances
  eic-sandbox run --rtt 80ms --fault throttle=2 -- eic-term exec db-1 -- uname -a
  eic-sandbox run --sshd -- bash
  eic-sandbox demo
  eic-sandbox fleet > fleet.toml

EIC_SANDBOX_LOG=debug shows what the region does.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command inside a new region
    ///
    /// The command finds the region through the usual AWS variables. Its exit status is passed
    /// on: 128 and the number of the signal that killed it, 126 or 127 when it cannot be
    /// started, and 125 when the region cannot.
    Run(RunArgs),
    /// Try eic-term inside a new region
    ///
    /// What follows is an eic-term command line; without one, a shell on `db-1` is opened,
    /// through the endpoint.
    Demo(DemoArgs),
    /// Start a region and print its environment
    ///
    /// It runs until it is interrupted. `eval` the output in another shell to use it there.
    Serve(ServeArgs),
    /// Print the built-in fleet, a TOML file to start a fleet of your own from
    Fleet,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RegionArgs {
    /// Take the fleet from this TOML file (see `eic-sandbox fleet`)
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet: Option<PathBuf>,
    /// Let this machine's real sshd answer on the instances
    #[arg(long)]
    pub(crate) sshd: bool,
    /// Admit this public key to every instance, for logins without a push (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(crate) authorized_key: Vec<PathBuf>,
    /// The round-trip time of every connection to the region, e.g. 80ms
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0")]
    pub(crate) rtt: Duration,
    /// Let something go wrong (may be repeated)
    ///
    /// throttle=N, throttle-forever: the first N API calls, or all, are throttled;
    /// drop-after=N: SSH connections are cut after N bytes to the client;
    /// delayed-key=2s: pushed keys become visible late; ignored-key: never;
    /// fragment=N: endpoints send frames of N bytes with pings in between;
    /// page-size=N: describe calls look at N resources a page;
    /// expired-credentials; wrong-certificate, untrusted-certificate (of endpoints);
    /// mute-endpoint: endpoints accept and never speak;
    /// deny=ACTION: IAM denies it, e.g. ec2:DescribeInstances;
    /// endpoint-state=STATE: of all endpoints, e.g. create-failed
    #[arg(long, value_name = "FAULT", verbatim_doc_comment)]
    pub(crate) fault: Vec<Fault>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) region: RegionArgs,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) region: RegionArgs,
    /// The eic-term to try, in place of the one beside this program
    #[arg(long, value_name = "PATH", env = "EIC_TERM_BIN")]
    pub(crate) eic_term: Option<PathBuf>,
    /// An eic-term command line, e.g. `exec db-1 -- uname -a`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    pub(crate) args: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) region: RegionArgs,
    /// Write NAME=value lines to this file in place of printing shell commands
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a time is e.g. `80ms` or `1.5s`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_demo_passes_its_arguments_on() {
        let line = [
            "eic-sandbox",
            "demo",
            "--rtt",
            "80ms",
            "-v",
            "exec",
            "db-1",
            "--",
            "ls",
            "-l",
        ];
        let Command::Demo(demo) = Args::try_parse_from(line).unwrap().command else {
            panic!("not a demo");
        };
        assert_eq!(demo.region.rtt, Duration::from_millis(80));
        assert_eq!(demo.args, ["-v", "exec", "db-1", "--", "ls", "-l"]);
    }
}
