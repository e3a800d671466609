//! What each program is told, and in which words.

use std::path::Path;

/// The paths that the lines name, as text.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// This program.
    pub(super) program: String,
    /// A link to it by the name of `ssh`.
    pub(super) link: String,
    /// The public key that is pushed for OpenSSH's client.
    pub(super) public_key: String,
    /// The pinned host keys.
    pub(super) pins: String,
}

/// The way in which the commands in the lines are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// By a shell of Unix; git and rsync have one on Windows, too.
    Posix,
    /// By Windows.
    Windows,
}

impl Words {
    /// This platform's.
    pub(super) const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else {
        Self::Posix
    };
}

/// `~/.ssh/config`: for instance ids OpenSSH's client goes through `eic-term tunnel`, which pushes its key.
pub(super) fn ssh_config(paths: &Paths, words: Words) -> String {
    let private = paths.public_key.strip_suffix(".pub");
    let (key, pins) = (private.unwrap_or(&paths.public_key), &paths.pins);
    let command =
        [&paths.program, &paths.public_key].map(|path| quoted(path, words).replace('%', "%%"));
    let [program, public_key] = command;
    let path = |path: &str| {
        let path = path.replace('%', "%%").replace('"', "\\\"");
        format!("\"{path}\"")
    };
    format!(
        "Host i-*\n    User ec2-user\n    IdentityFile {}\n    UserKnownHostsFile ~/.ssh/known_hosts {}\n    \
         ProxyCommand {program} tunnel --public-key {public_key} -p %p %r@%h\n",
        path(key),
        path(pins),
    )
}

/// git's configuration.
pub(super) fn git(paths: &Paths) -> String {
    let command = format!("{} ssh", quoted(&forward(&paths.program), Words::Posix));
    let command = command.replace('\\', "\\\\").replace('"', "\\\"");
    format!("[core]\n\tsshCommand = \"{command}\"\n")
}

/// What a shell does at its start, for rsync.
pub(super) fn rsync(paths: &Paths, shell: Shell) -> String {
    // rsync reads quotes, and twice a quote as itself.
    let program = forward(&paths.program);
    let program = match is_plain(&program) {
        true => program,
        false => format!("\"{}\"", program.replace('"', "\"\"")),
    };
    let command = quoted(&format!("{program} ssh"), Words::Posix);
    match shell {
        Shell::Fish => format!("set -gx RSYNC_RSH {command}\n"),
        Shell::Bash | Shell::Zsh | Shell::Other => format!("export RSYNC_RSH={command}\n"),
    }
}

/// The setting of ansible, in its section.
pub(super) const ANSIBLE: (&str, &str) = ("ssh_connection", "ssh_executable");

/// The setting of Visual Studio Code.
pub(super) const VSCODE: &str = "remote.SSH.path";

/// A shell that starts by reading a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
    Other,
}

impl Shell {
    /// By `$SHELL`.
    pub(super) fn named(path: &Path) -> Self {
        match path.file_stem().and_then(|name| name.to_str()) {
            Some("bash") => Self::Bash,
            Some("zsh") => Self::Zsh,
            Some("fish") => Self::Fish,
            _ => Self::Other,
        }
    }
}

/// Windows's paths as the programs from Unix take them there.
fn forward(path: &str) -> String {
    match cfg!(windows) {
        true => path.replace('\\', "/"),
        false => path.to_owned(),
    }
}

fn is_plain(text: &str) -> bool {
    let plain = |one: char| one.is_ascii_alphanumeric() || "/._-+:@,".contains(one);
    !text.is_empty() && text.chars().all(plain)
}

/// One word of a command.
fn quoted(text: &str, words: Words) -> String {
    match words {
        _ if is_plain(text) => text.to_owned(),
        Words::Posix => format!("'{}'", text.replace('\'', "'\\''")),
        // No path has a quote there.
        Words::Windows => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(folder: &str) -> Paths {
        Paths {
            program: format!("{folder}/eic-term"),
            link: format!("{folder}/ssh"),
            public_key: format!("{folder}/id.pub"),
            pins: format!("{folder}/pins"),
        }
    }

    #[test]
    fn paths_in_words() {
        for (text, posix, windows) in [
            ("/bin/eic-term", "/bin/eic-term", "/bin/eic-term"),
            ("/a b/c", "'/a b/c'", "\"/a b/c\""),
            ("/it's", "'/it'\\''s'", "\"/it's\""),
            ("C:\\x y", "'C:\\x y'", "\"C:\\x y\""),
            ("", "''", "\"\""),
        ] {
            assert_eq!(quoted(text, Words::Posix), posix);
            assert_eq!(quoted(text, Words::Windows), windows);
        }
    }

    #[test]
    fn what_is_written() {
        let (plain, odd) = (paths("/usr/bin"), paths("/a %b"));
        assert_eq!(
            git(&plain),
            "[core]\n\tsshCommand = \"/usr/bin/eic-term ssh\"\n"
        );
        assert_eq!(
            git(&odd),
            "[core]\n\tsshCommand = \"'/a %b/eic-term' ssh\"\n"
        );
        assert_eq!(
            rsync(&plain, Shell::Zsh),
            "export RSYNC_RSH='/usr/bin/eic-term ssh'\n"
        );
        assert_eq!(
            rsync(&odd, Shell::Fish),
            "set -gx RSYNC_RSH '\"/a %b/eic-term\" ssh'\n"
        );
        let config = ssh_config(&odd, Words::Posix);
        let command =
            "ProxyCommand '/a %%b/eic-term' tunnel --public-key '/a %%b/id.pub' -p %p %r@%h\n";
        assert!(config.ends_with(command), "{config}");
        assert!(config.contains("IdentityFile \"/a %%b/id\"\n"), "{config}");
    }
}
