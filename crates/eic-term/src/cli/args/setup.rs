//! What can be typed of `setup`: clap types and nothing else.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The program that is to use this one
    pub(crate) program: SetupProgram,

    /// Write them to the file, between markers, in the place of older ones; what was there before is kept beside it
    #[arg(long)]
    pub(crate) write: bool,

    /// File to write to or to write for, instead of the program's usual one
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Public key file that `ssh-config` pushes [default: ~/.ssh/id_ed25519.pub, or id_rsa.pub]
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SetupProgram {
    /// OpenSSH's client, for instance ids: ~/.ssh/config
    SshConfig,
    /// git: ~/.gitconfig
    Git,
    /// rsync: RSYNC_RSH in what the shell reads at a login
    Rsync,
    /// ansible: ~/.ansible.cfg
    Ansible,
    /// Visual Studio Code's Remote - SSH: settings.json
    Vscode,
}
