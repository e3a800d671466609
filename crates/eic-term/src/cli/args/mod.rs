//! What can be typed: clap types and nothing else.

mod commands;
mod common;
mod forward;
mod interactive;
mod setup;
mod sftp;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use eic_auth::Target;

pub(crate) use self::commands::{List, SendKey, Trust, Tunnel};
pub(crate) use self::common::Common;
pub(crate) use self::forward::{Forward, Forwardings};
pub(crate) use self::interactive::Interactive;
pub(crate) use self::setup::{Setup, SetupProgram};
pub(crate) use self::sftp::Sftp;
use super::complete;
use super::cp::Cp;
use super::fleet::Several;

const EXAMPLES: &str = "\
Examples:
  eic-term web-1                              a shell on the instance named web-1, as ec2-user
  eic-term ubuntu@i-0123456789abcdef0         by instance id, as another user
  eic-term exec tag:Role=db -- uptime         one command, its exit status passed on
  eic-term exec 'web-*' -- systemctl is-active nginx   on all of them at once
  eic-term exec web-1 -- tar c /etc > etc.tar byte-clean and streamed
  eic-term cp -r web-1:/var/log logs          files and folders, either way
  eic-term tunnel db-1 --port 3389 --listen 127.0.0.1:3389
  ssh -o ProxyCommand='eic-term tunnel %h' ec2-user@i-0123456789abcdef0
  eic-term forward db-1 -L 5432:localhost:5432  a port that stays, whatever becomes of the connection
  eic-term sftp web-1:/var/log                files at a prompt, as OpenSSH's `sftp` has it
  eic-term setup git                          the lines that make git use it
  eic-term list 'web-*'                       what is there and how it would be reached

A TARGET is [USER@] and one of: an instance id, a Name tag (* and ? are wildcards), tag:KEY=VALUE,
an IP address, a DNS name.

Exit status: the remote command's; 255 for a failure of our own; 2 for wrong usage; 128 and the signal's
number where one ended it, 130 after Ctrl-C in `forward`.";

/// Log in to EC2 instances, with EC2 Instance Connect built in
#[derive(Debug, Parser)]
#[command(name = "eic-term", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(override_usage = "eic-term [OPTIONS] TARGET\n       eic-term [OPTIONS] COMMAND …")]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) interactive: Interactive,

    #[command(flatten)]
    pub(crate) forwardings: Forwardings,

    /// The instance to open a shell on, as `connect` does; without it a list to pick from opens on a terminal
    #[arg(add = ArgValueCompleter::new(complete::targets))]
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
    /// Copy files and folders to and from instances
    Cp(Cp),
    /// Forward ports without a shell, and go on when the connection is lost
    Forward(Forward),
    /// Open an endpoint's tunnel: on stdio as a ProxyCommand, or on a local port
    Tunnel(Tunnel),
    /// Get and put files by the commands of OpenSSH's `sftp`, at a prompt or from a file
    Sftp(Sftp),
    /// Push a public key of your own; the instance takes it for 60 seconds
    SendKey(SendKey),
    /// List instances and how each would be reached
    List(List),
    /// Take OpenSSH's command line, e.g. `eic-term ssh -G web-1`; nothing may stand before `ssh`
    #[command(disable_help_flag = true)]
    Ssh {
        /// As ssh(1) takes them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// Print the lines that make another program use this one, or write them
    Setup(Setup),
    /// Look after the host keys that are pinned by instance id
    #[command(subcommand)]
    Trust(Trust),
    /// Print the script that completes commands, options and known names: eval "$(eic-term completion bash)"
    Completion {
        /// The shell
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(complete::shells()))]
        shell: String,
    },
    /// Write manual pages into a folder
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// What stands for a target that is to be picked
    #[command(skip)]
    Pick(Pick),
}

/// A shell on an instance that is picked from a list.
#[derive(Debug)]
pub(crate) struct Pick {
    pub(crate) interactive: Interactive,
    pub(crate) forwardings: Forwardings,
}

impl Cli {
    /// The command, the default one included, with the options that stood before its name.
    ///
    /// Returns the name of the missing thing, or of the option that the command does not take.
    pub(crate) fn into_command(self, can_pick: bool) -> Result<(Common, Command), Misuse> {
        let before = self.interactive;
        let forwardings = self.forwardings;
        let command = match (self.command, self.target) {
            (Some(Command::Connect(args)), _) => Command::Connect(Connect {
                interactive: args.interactive.or(before),
                forwardings: args.forwardings.or(forwardings),
                ..args
            }),
            (Some(Command::Exec(args)), _) => Command::Exec(Exec {
                interactive: args.interactive.or(before),
                forwardings: args.forwardings.or(forwardings),
                ..args
            }),
            (Some(_), _) if before.is_set() => return Err(Misuse::NotInteractive),
            (Some(Command::Forward(args)), _) => Command::Forward(Forward {
                forwardings: args.forwardings.or(forwardings),
                ..args
            }),
            (Some(_), _) if forwardings.is_set() => return Err(Misuse::NotForwarding),
            (Some(other), _) => other,
            (None, Some(target)) => Command::Connect(Connect {
                interactive: before,
                forwardings,
                target,
            }),
            (None, None) if can_pick => Command::Pick(Pick {
                interactive: before,
                forwardings,
            }),
            (None, None) => return Err(Misuse::NoTarget),
        };
        Ok((self.common, command))
    }
}

/// What clap cannot see.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misuse {
    NoTarget,
    NotInteractive,
    NotForwarding,
    NothingToForward,
    NothingRemote,
    BeforeSsh,
    OneOnly,
    OneInput,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) interactive: Interactive,

    #[command(flatten)]
    pub(crate) forwardings: Forwardings,

    /// The instance to open a shell on
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) interactive: Interactive,

    #[command(flatten)]
    pub(crate) forwardings: Forwardings,

    /// Give the command no input
    #[arg(short = 'n', long)]
    pub(crate) no_stdin: bool,

    #[command(flatten)]
    pub(crate) several: Several,

    /// The instance to run the command on, or several: names may have wildcards
    #[arg(add = ArgValueCompleter::new(complete::targets))]
    pub(crate) target: Vec<Target>,

    /// The command: its words are joined by spaces and given to the remote user's shell; with --script its
    /// arguments, each as it stands
    #[arg(required_unless_present = "script", last = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
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
        let Ok((_, Command::Connect(connect))) = cli.into_command(false) else {
            panic!("not connect");
        };
        assert_eq!(connect.target.to_string(), "ubuntu@web-1");
        let cli = Cli::parse_from(["eic-term", "exec", "web-1", "-l", "admin", "--", "ls", "-l"]);
        assert_eq!(cli.common.login_name.unwrap().as_str(), "admin");
        let Some(Command::Exec(exec)) = cli.command else {
            panic!("not exec");
        };
        assert_eq!(exec.command, ["ls", "-l"]);
    }

    #[test]
    fn interactive_options_stand_on_either_side_of_the_command() {
        let parse = |line: &str| Cli::parse_from(line.split(' ')).into_command(false);
        for line in [
            "eic-term -t exec --term vt100 web-1 -- top",
            "eic-term --term vt100 exec -t web-1 -- top",
        ] {
            let Ok((_, Command::Exec(exec))) = parse(line) else {
                panic!("not exec: {line}");
            };
            assert!(exec.interactive.wants_pty(false), "{line}");
            assert_eq!(exec.interactive.term.as_deref(), Some("vt100"), "{line}");
        }
        let Ok((_, Command::Connect(connect))) = parse("eic-term -T web-1") else {
            panic!("not connect");
        };
        assert!(!connect.interactive.wants_pty(true));
        assert_eq!(
            parse("eic-term -t list").unwrap_err(),
            Misuse::NotInteractive
        );
        assert_eq!(parse("eic-term -q").unwrap_err(), Misuse::NoTarget);
    }

    #[test]
    fn sftp_has_a_p_of_its_own() {
        let line = "eic-term sftp -rp -P 2022 me@web-1:a b";
        let (common, command) = Cli::parse_from(line.split(' '))
            .into_command(false)
            .unwrap();
        let Command::Sftp(sftp) = command else {
            panic!("not sftp");
        };
        assert!(sftp.preserve && sftp.recursive);
        assert_eq!((sftp.ssh_port, common.ssh_port), (Some(2022), Some(2022)));
        assert_eq!(sftp.place.target.to_string(), "me@web-1");
        assert_eq!(sftp.place.path.as_deref(), Some("a"));
    }

    #[test]
    fn a_copy_has_a_p_of_its_own_and_a_port_all_the_same() {
        let line = "eic-term cp -rp -P 2022 a web-1:b";
        let (common, command) = Cli::parse_from(line.split(' '))
            .into_command(false)
            .unwrap();
        let Command::Cp(cp) = command else {
            panic!("not cp");
        };
        assert_eq!(
            (cp.preserve, cp.ssh_port, common.ssh_port),
            (true, Some(2022), Some(2022))
        );
        let before = Cli::parse_from("eic-term -p 2022 cp a web-1:b".split(' '));
        assert_eq!(before.common.ssh_port, Some(2022));
    }
}
