//! The options of `sftp`.

use clap::Args;

use crate::cli::sftp::{How, InstancePlace, Settings};

#[derive(Debug, Args)]
pub(crate) struct Sftp {
    /// The instance, and a folder to begin in or files to fetch at once
    #[arg(value_name = "[USER@]TARGET[:PATH]")]
    pub(crate) place: InstancePlace,

    /// Where to put what is fetched at once
    #[arg(value_name = "LOCAL")]
    pub(crate) local: Option<String>,

    /// Commands to run, a line each, from a file or `-` for standard input: the first that fails ends it, unless
    /// it begins with `-`
    #[arg(short, long, value_name = "FILE")]
    pub(crate) batch: Option<std::ffi::OsString>,

    /// Go on from what is there of files
    #[arg(short = 'a', long)]
    pub(crate) resume: bool,

    /// Wait until files are on the disk
    #[arg(short = 'f', long)]
    pub(crate) sync: bool,

    /// Take modes and times along
    #[arg(short = 'p', long)]
    pub(crate) preserve: bool,

    /// Take folders with what is in them
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// SSH port [default: 22]
    #[arg(short = 'P', value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) ssh_port: Option<u16>,
}

impl Sftp {
    /// How to work.
    pub(crate) fn settings(&self, quiet: bool) -> Settings {
        Settings {
            batch: self.batch.clone(),
            how: How {
                resume: self.resume,
                sync: self.sync,
                preserve: self.preserve,
                recursive: self.recursive,
            },
            quiet: quiet || self.batch.is_some(),
            ..Settings::default()
        }
    }
}
