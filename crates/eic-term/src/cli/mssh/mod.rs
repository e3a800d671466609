//! `mssh` and `msftp`: AWS's command lines for EC2 Instance Connect, under their names.

mod command_line;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use eic_auth::InstanceId;

use self::command_line::{Asked, CommandLine, Misuse, Program};
use super::args::Common;
use super::report::Failure;
use super::ui::Ui;
use super::{sftp, ssh};

/// The user where none is named, whatever OpenSSH's configuration says.
const USER: &str = "ec2-user";

/// A command line of one of AWS's programs.
pub(crate) struct Called {
    program: Program,
    words: Vec<OsString>,
}

impl Called {
    /// Where our program has the name of one.
    pub(crate) fn by(mut all: impl Iterator<Item = OsString>) -> Option<Self> {
        let name = all.next()?;
        let program = Program::named(Path::new(&name).file_stem()?)?;
        let words = all.collect();
        Some(Self { program, words })
    }

    /// Does what the command line asks for.
    pub(crate) fn run(&self, ui: &Ui) -> Result<ExitCode, Failure> {
        match command_line::parse(self.program, &self.words) {
            Ok(Asked::Help) => {
                ui.result(&usage(self.program))?;
                Ok(ExitCode::SUCCESS)
            }
            Ok(Asked::Session(line)) => start(self.program, *line, ui),
            Err(Misuse::Line(what)) => {
                ui.result(&format!("{what}\n{}", usage(self.program)))?;
                Ok(ExitCode::FAILURE)
            }
            Err(Misuse::Option(what)) => {
                let name = self.program.name();
                ui.notice(&format!("{}\n{name}: error: {what}", usage(self.program)));
                Ok(ExitCode::from(2))
            }
        }
    }
}

fn start(program: Program, line: CommandLine, ui: &Ui) -> Result<ExitCode, Failure> {
    let account = account(&line)?;
    match program {
        Program::Mssh => ssh::run_for(&ssh_arguments(line), account, ui),
        Program::Msftp => sftp::run_for(&sftp_arguments(line), &account, ui),
    }
}

/// Whose instances they are, and which one is meant.
fn account(line: &CommandLine) -> Result<Common, Failure> {
    let untyped = Common::untyped()?;
    let id = line.instance.as_ref().map(|id| id.parse::<InstanceId>());
    let id = id.transpose();
    Ok(Common {
        region: line.region.clone().or(untyped.region.clone()),
        profile: line.profile.clone().or(untyped.profile.clone()),
        instance: id.map_err(|source| Failure::new("cannot find the instance", source))?,
        ..untyped
    })
}

/// As ssh(1) takes it. Of several users it takes the first.
fn ssh_arguments(line: CommandLine) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    if line.debug {
        words.push("-vv".into());
    }
    if let Some(user) = line.user {
        words.extend(["-l".into(), user.into()]);
    }
    words.extend(line.options);
    words.extend(["-l".into(), USER.into(), "--".into(), line.host.into()]);
    words.extend(line.command);
    words
}

/// As sftp(1) takes it.
fn sftp_arguments(line: CommandLine) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    if line.debug {
        words.push("-vv".into());
    }
    words.extend(line.options);
    let user = line.user.unwrap_or_else(|| USER.to_owned());
    let path = line.path.map_or(String::new(), |path| format!(":{path}"));
    words.push("--".into());
    words.push(format!("{user}@{}{path}", line.host).into());
    words.extend(line.command);
    words
}

fn usage(program: Program) -> String {
    let line = match program {
        Program::Mssh => {
            "mssh [-t instance_id] [-u profile] [-z availability_zone] [-r region] [ssh options] target [command]"
        }
        Program::Msftp => {
            "msftp [-t instance_id] [-u profile] [-z availability_zone] [-r region] [sftp options] target"
        }
    };
    let target = match program {
        Program::Mssh => "[user@]instance",
        Program::Msftp => "[user@]instance[:path]",
    };
    format!(
        "usage: {line}\n\n  target                {target}: an instance id, a Name tag, an address; with -t any host\n  \
         -r, --region          AWS region\n  -z, --zone            availability zone, which is not needed\n  \
         -u, --profile         AWS profile\n  -t, --instance_id     the instance that the target's name means\n  \
         -d, --debug           say what is done\n  -h, --help            show this"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("mssh", Some(Program::Mssh)),
            ("/usr/bin/msftp", Some(Program::Msftp)),
            ("mssh.exe", Some(Program::Mssh)),
            ("ssh", None),
            ("eic-term", None),
        ] {
            let called = Called::by([OsString::from(name)].into_iter());
            assert_eq!(called.map(|called| called.program), expected, "{name}");
        }
    }

    #[test]
    fn what_ssh_is_given() {
        for (words, expected) in [
            ("web ls -l", "-l ec2-user -- web ls -l"),
            ("-l me -p 1 web", "-l me -p 1 -l ec2-user -- web"),
            ("-d -l me you@web", "-vv -l you -l me -l ec2-user -- web"),
        ] {
            let words: Vec<_> = words.split(' ').map(OsString::from).collect();
            let Ok(Asked::Session(line)) = command_line::parse(Program::Mssh, &words) else {
                panic!("{words:?}");
            };
            let found = ssh_arguments(*line).join(std::ffi::OsStr::new(" "));
            assert_eq!(found, expected, "{words:?}");
        }
    }

    #[test]
    fn what_sftp_is_given() {
        for (words, expected) in [
            ("web", "-- ec2-user@web"),
            (
                "-r eu-west-1 -b batch -P 22 me@web:dir/",
                "-b batch -P 22 -- me@web:dir/",
            ),
            ("-d web:file here", "-vv -- ec2-user@web:file here"),
        ] {
            let words: Vec<_> = words.split(' ').map(OsString::from).collect();
            let Ok(Asked::Session(line)) = command_line::parse(Program::Msftp, &words) else {
                panic!("{words:?}");
            };
            let found = sftp_arguments(*line).join(std::ffi::OsStr::new(" "));
            assert_eq!(found, expected, "{words:?}");
        }
    }
}
