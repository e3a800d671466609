//! What can be typed of copies: clap types and nothing else.

use std::ffi::OsString;

use clap::Args;

#[derive(Debug, Args)]
#[command(override_usage = "eic-term cp [OPTIONS] SRC… DST", after_help = EXAMPLES)]
pub(crate) struct Cp {
    /// Copy folders with all that is in them
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Keep modes (without set-id bits) and times
    #[arg(short = 'p', long)]
    pub(crate) preserve: bool,

    /// Copy what symbolic links lead to, not the links
    #[arg(short = 'L', long)]
    pub(crate) dereference: bool,

    /// Write over files where they are, instead of to a hidden name that is renamed when it is whole
    #[arg(long)]
    pub(crate) inplace: bool,

    /// Go on with a copy that was cut, after a look at what is there; leave alone what is there whole
    #[arg(long)]
    pub(crate) resume: bool,

    /// Leave out what matches: a name, or with a slash in it a path below SRC; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<OsString>,

    /// Write nothing, and list what would be copied
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Most bytes a second, e.g. 500K or 10M
    #[arg(long, value_name = "BYTES", value_parser = rate)]
    pub(crate) limit_rate: Option<u64>,

    /// Print a line of JSON for each file, and one at the end
    #[arg(long)]
    pub(crate) json: bool,

    /// SSH port [default: 22]
    #[arg(short = 'P', value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) ssh_port: Option<u16>,

    /// Files and folders: a path here, or [USER@]TARGET:PATH on an instance, where PATH may be a pattern; `-`
    /// is standard input
    #[arg(required = true, value_name = "SRC")]
    pub(crate) sources: Vec<OsString>,

    /// Where to: a path as for SRC; `-` is standard output
    #[arg(required = true, value_name = "DST")]
    pub(crate) target: OsString,
}

const EXAMPLES: &str = "\
Examples:
  eic-term cp report.pdf web-1:                 to the home folder there
  eic-term cp -r 'web-1:/var/log/app-*' logs/   a pattern is the far side's business: quote it
  eic-term cp -rp web-1:data db-1:              from one instance to another, through here
  eic-term cp --resume big.iso web-1:/srv/      after a copy that was cut
  pg_dump app | eic-term cp - db-1:app.sql

A path with a slash before its first colon is one here. A target with a colon in it stands in brackets, an IPv6
address as well: [tag:a=b:c]:file. Standing paths follow symbolic links; links below them are copied as links.

Where a host has no SFTP its tar copies, or its cat for `-`: not with --resume or --inplace, not from one instance to
another, and a lost connection ends it.

Exit status: 0; 1 where something was not copied; 255 where there is no connection; 130 after Ctrl-C.";

/// A number of bytes, with K, M or G for 1024 of the one before.
fn rate(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.to_ascii_uppercase().strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (digits.to_owned(), text.to_ascii_uppercase()),
        None => (text.to_owned(), String::new()),
    };
    let factor = match shift.chars().last() {
        Some('K') => 1 << 10,
        Some('M') => 1 << 20,
        Some('G') => 1 << 30,
        _ => 1,
    };
    let number = digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    let number = number.filter(|number| *number > 0);
    number.ok_or_else(|| "it must be a number of bytes such as 500K, 10M or 1G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        for (text, expected) in [
            ("100", Some(100)),
            ("1k", Some(1 << 10)),
            ("10M", Some(10 << 20)),
            ("2G", Some(2 << 30)),
            ("0", None),
            ("M", None),
            ("1.5M", None),
            ("99999999999999999999G", None),
        ] {
            assert_eq!(rate(text).ok(), expected, "{text}");
        }
    }
}
