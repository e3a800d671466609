//! Where each program keeps what it is told, by each platform's custom.

use std::env;
use std::path::{Path, PathBuf};

use super::lines::Shell;

/// What the places depend on.
pub(super) struct Home<'a> {
    pub(super) folder: PathBuf,
    pub(super) shell: Shell,
    /// A variable of the environment that is not empty.
    pub(super) variable: &'a dyn Fn(&str) -> Option<PathBuf>,
    pub(super) exists: &'a dyn Fn(&Path) -> bool,
}

/// A variable of the environment that is not empty.
pub(super) fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

impl Home<'_> {
    pub(super) fn ssh_config(&self) -> PathBuf {
        self.folder.join(".ssh/config")
    }

    /// git reads both; where only the second is there, it is the one in use.
    pub(super) fn git(&self) -> PathBuf {
        if let Some(named) = (self.variable)("GIT_CONFIG_GLOBAL") {
            return named;
        }
        let (usual, other) = (
            self.folder.join(".gitconfig"),
            self.config().join("git/config"),
        );
        match (self.exists)(&other) && !(self.exists)(&usual) {
            true => other,
            false => usual,
        }
    }

    /// What the shell reads at a login; bash reads only the first of its three.
    pub(super) fn rsync(&self) -> PathBuf {
        let home = |name: &str| self.folder.join(name);
        match self.shell {
            Shell::Zsh => (self.variable)("ZDOTDIR")
                .unwrap_or(home(""))
                .join(".zprofile"),
            Shell::Fish => self.config().join("fish/config.fish"),
            Shell::Bash => {
                let mut files = [".bash_profile", ".bash_login"].map(home).into_iter();
                let found = files.find(|file| (self.exists)(file));
                found.unwrap_or(home(".profile"))
            }
            Shell::Other => home(".profile"),
        }
    }

    pub(super) fn ansible(&self) -> PathBuf {
        (self.variable)("ANSIBLE_CONFIG").unwrap_or_else(|| self.folder.join(".ansible.cfg"))
    }

    pub(super) fn vscode(&self) -> PathBuf {
        let folder = if cfg!(windows) {
            (self.variable)("APPDATA").unwrap_or_else(|| self.folder.join("AppData/Roaming"))
        } else if cfg!(target_os = "macos") {
            self.folder.join("Library/Application Support")
        } else {
            self.config()
        };
        folder.join("Code/User/settings.json")
    }

    fn config(&self) -> PathBuf {
        (self.variable)("XDG_CONFIG_HOME").unwrap_or_else(|| self.folder.join(".config"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn which_files() {
        for (shell, there, expected) in [
            (Shell::Bash, &[][..], "/h/.gitconfig /h/.profile"),
            (
                Shell::Bash,
                &["/h/.bash_profile", "/h/.config/git/config"],
                "/h/.config/git/config /h/.bash_profile",
            ),
            (
                Shell::Zsh,
                &["/h/.gitconfig", "/h/.config/git/config"],
                "/h/.gitconfig /h/.zprofile",
            ),
            (
                Shell::Fish,
                &[],
                "/h/.gitconfig /h/.config/fish/config.fish",
            ),
        ] {
            let home = Home {
                folder: "/h".into(),
                shell,
                variable: &|_| None,
                exists: &|path| there.iter().any(|one| Path::new(one) == path),
            };
            let found = format!("{} {}", home.git().display(), home.rsync().display());
            assert_eq!(found, expected, "{shell:?} {there:?}");
        }
    }
}
