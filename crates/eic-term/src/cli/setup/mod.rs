//! `eic-term setup PROGRAM`: the lines that make other programs use this one, printed or written.

mod block;
mod file;
mod json;
mod lines;
mod place;
#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use etcetera::home_dir;

use self::lines::{ANSIBLE, Paths, Shell, VSCODE, Words};
use self::place::Home;
use super::args::{Setup, SetupProgram};
use super::folders;
use super::report::Failure;
use super::ui::Ui;

pub(crate) fn run(args: &Setup, ui: &Ui) -> Result<ExitCode, Failure> {
    let home = home_dir();
    let home = home.map_err(|source| Failure::new("cannot find your home folder", source))?;
    let home = Home {
        folder: home,
        shell: Shell::named(&place::variable("SHELL").unwrap_or_default()),
        variable: &place::variable,
        exists: &Path::exists,
    };
    let change = Change {
        program: args.program,
        file: args
            .file
            .clone()
            .unwrap_or_else(|| file_of(args.program, &home)),
        paths: paths(args, &home)?,
        shell: home.shell,
    };
    match args.write {
        true => change.write(ui)?,
        false => change.print(ui)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn file_of(program: SetupProgram, home: &Home<'_>) -> PathBuf {
    match program {
        SetupProgram::SshConfig => home.ssh_config(),
        SetupProgram::Git => home.git(),
        SetupProgram::Rsync => home.rsync(),
        SetupProgram::Ansible => home.ansible(),
        SetupProgram::Vscode => home.vscode(),
    }
}

fn paths(args: &Setup, home: &Home<'_>) -> Result<Paths, Failure> {
    let program = program()?;
    let public_key = match (&args.public_key, args.program) {
        (Some(file), _) => std::path::absolute(file).unwrap_or_else(|_| file.clone()),
        (None, SetupProgram::SshConfig) => usual_key(home)?,
        (None, _) => PathBuf::new(),
    };
    let pins = folders::pins()?;
    let link = pins.with_file_name("bin").join(platform::LINK);
    Ok(Paths {
        program: text(&program)?,
        link: text(&link)?,
        public_key: text(&public_key)?,
        pins: text(&pins)?,
    })
}

/// A path as it can stand on a line.
fn text(path: &Path) -> Result<String, Failure> {
    let plain = path
        .to_str()
        .filter(|text| !text.contains(char::is_control));
    let what = "cannot write a path into another program's file";
    let cause = || format!("{path:?} is not plain text");
    plain
        .map(str::to_owned)
        .ok_or_else(|| Failure::caused(what, cause()))
}

/// This program by the name on the search path, which stays when a new version comes; else where it is.
fn program() -> Result<PathBuf, Failure> {
    let running = std::env::current_exe();
    let running = running.map_err(|source| Failure::new("cannot find this program", source))?;
    let real = std::fs::canonicalize(&running).ok();
    let name = format!("eic-term{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut named = std::env::split_paths(&path).map(|folder| folder.join(&name));
    let is_this = |one: &PathBuf| one.is_absolute() && std::fs::canonicalize(one).ok() == real;
    Ok(named.find(is_this).unwrap_or(running))
}

/// The user's key of a kind that can be pushed.
fn usual_key(home: &Home<'_>) -> Result<PathBuf, Failure> {
    let mut keys = ["id_ed25519.pub", "id_rsa.pub"].into_iter();
    let keys = keys
        .by_ref()
        .map(|name| home.folder.join(".ssh").join(name));
    let found = keys.into_iter().find(|key| (home.exists)(key));
    found.ok_or_else(|| {
        Failure::caused(
            "cannot set up OpenSSH's client",
            "there is neither ~/.ssh/id_ed25519.pub nor ~/.ssh/id_rsa.pub to push",
        )
        .advised("`ssh-keygen -t ed25519` makes one; `--public-key FILE` names another")
    })
}

/// What is to be said to one program.
struct Change {
    program: SetupProgram,
    file: PathBuf,
    paths: Paths,
    shell: Shell,
}

impl Change {
    /// Its name in the markers.
    fn name(&self) -> &'static str {
        match self.program {
            SetupProgram::SshConfig => "ssh-config",
            SetupProgram::Git => "git",
            SetupProgram::Rsync => "rsync",
            SetupProgram::Ansible => "ansible",
            SetupProgram::Vscode => "vscode",
        }
    }

    /// The file's text with what is to be said.
    fn apply(&self, text: &str) -> Result<String, Failure> {
        let (name, link) = (self.name(), self.paths.link.as_str());
        let changed = match self.program {
            SetupProgram::SshConfig => {
                block::put(text, name, &lines::ssh_config(&self.paths, Words::HERE))
            }
            SetupProgram::Git => block::put(text, name, &lines::git(&self.paths)),
            SetupProgram::Rsync => block::put(text, name, &lines::rsync(&self.paths, self.shell)),
            SetupProgram::Ansible => {
                let (section, key) = ANSIBLE;
                block::put_in_section(text, name, section, (key, link))
            }
            SetupProgram::Vscode => {
                let changed = json::put(text, VSCODE, link);
                return changed.map_err(|fault| self.left_alone(fault));
            }
        };
        changed.map_err(|fault| self.left_alone(fault))
    }

    fn left_alone(&self, fault: impl std::error::Error) -> Failure {
        let what = format!("cannot change {}", self.file.display());
        let advice = format!(
            "by hand, what `eic-term setup {}` without --write prints",
            self.name()
        );
        Failure::new(what, fault).advised(&advice)
    }

    /// Whether the program takes only the path of a program, which must have the name `ssh`.
    fn wants_link(&self) -> bool {
        matches!(self.program, SetupProgram::Ansible | SetupProgram::Vscode)
    }

    fn print(&self, ui: &Ui) -> Result<(), Failure> {
        let lines = self.apply("")?;
        let file = self.file.display();
        ui.notice(&format!("for {file}, which --write changes:"));
        ui.result(lines.trim_end())?;
        if self.wants_link() {
            let (program, link) = (&self.paths.program, &self.paths.link);
            ui.notice(&format!(
                "{link} must be a link to {program}; --write makes it"
            ));
        }
        Ok(())
    }

    fn write(&self, ui: &Ui) -> Result<(), Failure> {
        let file = self.file.display();
        let failed = |what: &str| format!("cannot {what} {file}");
        let old = file::read(&self.file);
        let old = old.map_err(|source| Failure::new(failed("read"), source))?;
        let new = self.apply(&old)?;
        if self.wants_link() {
            self.link()?;
        }
        if new == old {
            ui.notice(&format!("{file} has it already"));
            return Ok(());
        }
        let backup = file::replace(&self.file, &new);
        match backup.map_err(|source| Failure::new(failed("write"), source))? {
            Some(kept) => ui.notice(&format!(
                "changed {file}; as it was before: {}",
                kept.display()
            )),
            None => ui.notice(&format!("wrote {file}")),
        }
        Ok(())
    }

    fn link(&self) -> Result<(), Failure> {
        let (program, link) = (&self.paths.program, &self.paths.link);
        let made = platform::link(Path::new(program), Path::new(link));
        made.map_err(|source| Failure::new(format!("cannot make the link {link}"), source))
    }
}
