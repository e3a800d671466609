//! `eic-term setup`: what it does to the files of others, and whether those programs work by it.

#![cfg(unix)]
#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Outcome, Sandbox, left_out_under_wine, peer, run, under_wine};

/// The programs, and the files of theirs.
fn programs() -> [(&'static str, &'static str); 5] {
    [
        ("ssh-config", ".ssh/config"),
        ("git", ".gitconfig"),
        ("rsync", ".profile"),
        ("ansible", ".ansible.cfg"),
        ("vscode", vscode()),
    ]
}

fn vscode() -> &'static str {
    match under_wine() {
        true => "AppData/Roaming/Code/User/settings.json",
        false => ".config/Code/User/settings.json",
    }
}

/// A home folder with a space in its name, and our program in it, so that its path has one, too; one for Windows is where
/// it is.
struct Home {
    _folder: tempfile::TempDir,
    path: PathBuf,
    program: PathBuf,
}

impl Home {
    fn new() -> Option<Self> {
        if !peer("ssh-keygen") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a home");
        fs::create_dir_all(path.join(".ssh")).unwrap();
        let key = path.join(".ssh/id_ed25519");
        let mut keygen = Command::new("ssh-keygen");
        keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(key);
        assert_eq!(run(&mut keygen).code, Some(0));
        let mut program = path.join("eic-term");
        if under_wine() {
            program = support::binary().into();
        } else if fs::hard_link(support::binary(), &program).is_err() {
            fs::copy(support::binary(), &program).unwrap();
        }
        Some(Self {
            _folder: folder,
            path,
            program,
        })
    }

    /// A program with this home.
    fn at_home(&self, command: &mut Command) -> Outcome {
        support::at_home(command, &self.path);
        command.env("SHELL", "/bin/sh");
        for name in ["XDG_CONFIG_HOME", "ANSIBLE_CONFIG", "GIT_CONFIG_GLOBAL"] {
            command.env_remove(name);
        }
        run(command)
    }

    fn setup(&self, args: &[&str]) -> Outcome {
        let data = self.path.join("data");
        let mut command = Command::new(&self.program);
        command
            .arg("setup")
            .args(args)
            .env("EIC_TERM_DATA_DIR", data);
        self.at_home(&mut command)
    }

    fn succeeds(&self, args: &[&str]) -> Outcome {
        let outcome = self.setup(args);
        assert_eq!(outcome.code, Some(0), "{args:?}: {}", outcome.stderr);
        outcome
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn what_is_printed_is_written_once() {
    let Some(home) = Home::new() else { return };
    for (program, file) in programs() {
        let printed = home.succeeds(&[program]).text();
        assert!(!home.path.join(file).exists(), "{file}");
        home.succeeds(&[program, "--write"]);
        assert_eq!(home.text(file), printed, "{file}");
        let again = home.succeeds(&[program, "--write"]);
        assert!(again.stderr.contains("already"), "{}", again.stderr);
        assert_eq!(home.text(file), printed, "{file}");
        let kept = home.path.join(format!("{file}.before-eic-term"));
        assert!(!kept.exists(), "{}", kept.display());
    }
    if let Some(program) = support::program_for_windows() {
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        let link = home.path.join("data/bin/ssh.exe");
        let drive = program.replace("Z:", "").replace('\\', "/");
        assert_eq!(size(&link), size(Path::new(&drive)));
        let lines = home.text(".ssh/config");
        let command = format!("ProxyCommand \"{program}\" tunnel --public-key \"Z:\\");
        assert!(lines.contains(&command), "{lines}");
        // git and rsync have a shell of Unix there.
        let command = format!("{} ssh", program.replace('\\', "/"));
        for file in [".gitconfig", ".profile"] {
            let text = home.text(file);
            assert!(text.contains(&command), "{file}: {text}");
        }
        return;
    }
    let link =
        fs::read_link(home.path.join("bin/ssh")).or(fs::read_link(home.path.join("data/bin/ssh")));
    assert_eq!(link.unwrap(), home.program);
}

#[test]
fn all_else_stays_as_it_was() {
    let Some(home) = Home::new() else { return };
    for (program, file, text) in [
        (
            "ssh-config",
            ".ssh/config",
            "Host *\r\n\tUser me # \u{e9}\r\n",
        ),
        (
            "git",
            ".gitconfig",
            "[user]\n\tname = A B\n[core]\n  editor = vi",
        ),
        ("rsync", ".profile", "export A='b'\n\n\n"),
        (
            "ansible",
            ".ansible.cfg",
            "[ssh_connection]\nretries=3\n\n[defaults]\nforks = 5\n",
        ),
        (
            "vscode",
            vscode(),
            "// mine\n{\n    \"a\": [1, 2,], // two\n    /* b */ \"b\": null\n}\n",
        ),
    ] {
        home.write(file, text);
        let path = home.path.join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        home.succeeds(&[program, "--write"]);
        let changed = home.text(file);
        // What is ours apart, it is the same.
        let is_ours = |line: &&str| line.contains("remote.SSH.path");
        let (mut foreign, mut inside) = (String::new(), false);
        for line in changed.split_inclusive('\n').filter(|line| !is_ours(line)) {
            inside |= line.contains(">>> eic-term");
            if !inside {
                foreign.push_str(line);
            }
            inside &= !line.contains("<<< eic-term");
        }
        let foreign = foreign.replace("\"b\": null,", "\"b\": null");
        assert_eq!(foreign.trim_end(), text.trim_end(), "{file}");
        assert_eq!(
            home.text(&format!("{file}.before-eic-term")),
            text,
            "{file}"
        );
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert!(mode & 0o777 == 0o640 || under_wine(), "{file}: {mode:o}");
        home.succeeds(&[program, "--write"]);
        assert_eq!(home.text(file), changed, "{file}");
    }

    if left_out_under_wine("its programs do not see the links of a Unix folder") {
        return;
    }
    // An older block is replaced where it stands, in a file that is elsewhere; what was there is kept anew.
    let old = home.text(".gitconfig").replace("sshCommand", "sshOther");
    home.write("dotfiles/git", &format!("{old}[alias]\n"));
    fs::remove_file(home.path.join(".gitconfig")).unwrap();
    symlink("dotfiles/git", home.path.join(".gitconfig")).unwrap();
    home.succeeds(&["git", "--write"]);
    let expected = format!("{}[alias]\n", old.replace("sshOther", "sshCommand"));
    assert_eq!(home.text("dotfiles/git"), expected);
    assert!(fs::read_link(home.path.join(".gitconfig")).is_ok());
    assert!(
        home.text("dotfiles/git.before-eic-term")
            .contains("sshOther")
    );
}

#[test]
fn what_is_not_understood_is_left_alone() {
    let Some(home) = Home::new() else { return };
    for (program, file, text, said) in [
        (
            "git",
            ".gitconfig",
            "a\n# >>> eic-term setup git >>>\nb\n",
            "line 2",
        ),
        (
            "rsync",
            ".profile",
            "# <<< eic-term setup rsync <<<\n",
            "line 1",
        ),
        (
            "ansible",
            ".ansible.cfg",
            "[ssh_connection]\nssh_executable=/x\n",
            "line 2 says it already",
        ),
        ("vscode", vscode(), "{ \"a\": }\n", "cannot change"),
    ] {
        home.write(file, text);
        let outcome = home.setup(&[program, "--write"]);
        assert_eq!(outcome.code, Some(255), "{program}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(said),
            "{program}: {}",
            outcome.stderr
        );
        assert_eq!(home.text(file), text, "{program}");
    }
    fs::remove_file(home.path.join(".ssh/id_ed25519.pub")).unwrap();
    let keyless = home.setup(&["ssh-config"]);
    assert!(keyless.stderr.contains("ssh-keygen"), "{}", keyless.stderr);
    assert_eq!(home.setup(&["nonsense"]).code, Some(2));
}

#[test]
fn the_programs_work_by_it() {
    if left_out_under_wine("programs of this system know no paths of Windows") {
        return;
    }
    let Some(home) = Home::new() else { return };
    if ["ssh", "git", "rsync"]
        .iter()
        .filter(|one| !peer(one))
        .count()
        > 0
    {
        return;
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let user = run(Command::new("id").arg("-un")).text().trim().to_owned();
    let region = |program: &Path, args: &[&str]| {
        let mut command = sandbox.command(program);
        home.at_home(command.args(args).current_dir(&home.path))
    };
    for (program, _) in programs() {
        let ours = region(&home.program, &["setup", program, "--write"]);
        assert_eq!(ours.code, Some(0), "{}", ours.stderr);
    }
    let succeeds = |program: &str, args: &[&str]| {
        let outcome = region(Path::new(program), args);
        assert_eq!(
            outcome.code,
            Some(0),
            "{program} {args:?}: {}",
            outcome.stderr
        );
        outcome.text()
    };

    // OpenSSH's client: our pins are what it knows of the hosts.
    let config = home.path.join(".ssh/config").display().to_string();
    for (name, through_endpoint) in [("web-1", 0), ("db-1", 1)] {
        let instance = sandbox.region.instance(name).unwrap();
        let pinned = region(&home.program, &["exec", &instance.id, "--", "true"]);
        assert_eq!(pinned.code, Some(0), "{}", pinned.stderr);
        let port = instance.port.unwrap_or(22).to_string();
        let (alias, tunnels) = (
            format!("HostKeyAlias={}", instance.id),
            sandbox.region.tunnels(),
        );
        let target = format!("{user}@{}", instance.id);
        let strict = [
            "-oBatchMode=yes",
            "-oStrictHostKeyChecking=yes",
            "-o",
            &alias,
        ];
        let args = [
            &["-F", &config, "-p", &port],
            &strict[..],
            &[&target, "echo in"],
        ]
        .concat();
        assert_eq!(succeeds("ssh", &args), "in\n");
        assert_eq!(
            sandbox.region.tunnels() - tunnels,
            through_endpoint,
            "{name}"
        );
        // The same lines are nothing to ours, which pushes a key of its own.
        let pushes = sandbox.region.calls("SendSSHPublicKey");
        let ours = ["-F", &config, "exec", &instance.id, "--", "echo in"];
        assert_eq!(succeeds(&home.program.display().to_string(), &ours), "in\n");
        assert_eq!(sandbox.region.calls("SendSSHPublicKey"), pushes + 1);
    }

    let target = format!("{user}@web-1");
    succeeds("git", &["init", "-q", "--bare", "bare"]);
    let bare = format!("{target}:{}", home.path.join("bare").display());
    succeeds("git", &["clone", "-q", &bare, "clone"]);
    assert!(home.path.join("clone/.git").exists());

    fs::write(home.path.join("file"), "text").unwrap();
    let there = format!("{target}:{}", home.path.join("there").display());
    let copy = ". ./.profile && rsync -s file \"$0\"";
    succeeds("sh", &["-c", copy, &there]);
    assert_eq!(home.text("there"), "text");

    // Visual Studio Code runs the program that is named.
    let settings: serde_json::Value = serde_json::from_str(&home.text(vscode())).unwrap();
    let link = settings["remote.SSH.path"].as_str().unwrap();
    let version = region(Path::new(link), &["-V"]);
    assert!(version.stderr.starts_with("OpenSSH_"), "{}", version.stderr);
    assert_eq!(succeeds(link, &["-T", &target, "echo in"]), "in\n");

    if peer("ansible") {
        let ansible = support::find("ansible").unwrap().display().to_string();
        let inventory = ["all", "-i", "web-1,", "-u", &user];
        let raw = ["-m", "raw", "-a", "echo it is $((6 * 7))"];
        let said = succeeds(&ansible, &[&inventory[..], &raw].concat());
        assert!(said.contains("it is 42"), "{said}");
    }
}
