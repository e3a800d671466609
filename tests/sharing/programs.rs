//! Programs that share connections: git, and ansible, which does so by itself.

use std::os::unix::fs::symlink;

use super::*;

/// Our binary under the name `ssh`.
fn link(place: &Place) -> String {
    let ssh = place.path("ssh");
    symlink(support::binary(), &ssh).unwrap();
    ssh.display().to_string()
}

#[test]
fn gits_second_fetch_is_on_the_first_ones_connection() {
    if !support::peer("git") {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    let ssh = format!("{} {}", link(&place), place.automatic().join(" "));
    for target in &place.targets() {
        let before = place.logins();
        let git = |args: &[&str]| {
            let mut command = place.sandbox.command("git");
            command.args(args).env("GIT_SSH_COMMAND", &ssh);
            command.env("HOME", place.folder.path());
            succeeds(&run(&mut command))
        };
        let (bare, clone) = (
            place.path("bare"),
            place.path(&format!("clone of {target}")),
        );
        let (bare, clone) = (bare.to_str().unwrap(), clone.to_str().unwrap());
        git(&["init", "-q", "--bare", "-b", "main", bare]);
        git(&["clone", "-q", &format!("{target}:{bare}"), clone]);
        for _ in 0..2 {
            git(&["-C", clone, "fetch", "-q"]);
        }
        assert_eq!(place.logins(), before + 1);
        succeeds(&place.ask("exit", &[], target));
    }
}

const PLAYBOOK: &str = r#"
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy: { content: "copied\n", dest: "{{ folder }}/{{ inventory_hostname }}.copy", mode: "0640" }
    - ansible.builtin.template: { src: template.j2, dest: "{{ folder }}/{{ inventory_hostname }}.template" }
    - ansible.builtin.command: cat {{ folder }}/{{ inventory_hostname }}.template
      register: shown
      failed_when: shown.stdout != 'for ' ~ inventory_hostname
    - ansible.builtin.command: id -u
      become: true
      become_method: ansible.builtin.su
      register: id
      failed_when: id.stdout != '0'
      when: becomes | bool
"#;

#[test]
fn ansible_logs_in_once_to_each_host() {
    let missing = ["ansible-playbook", "python3"].map(|program| !support::peer(program));
    if missing.contains(&true) {
        return;
    }
    let Some(place) = Place::new() else {
        return;
    };
    let ssh = link(&place);
    let hosts = ["web-1", "db-1", "v6-1"];
    std::fs::write(place.path("hosts"), hosts.join("\n")).unwrap();
    std::fs::write(place.path("template.j2"), "for {{ inventory_hostname }}\n").unwrap();
    std::fs::write(place.path("play.yml"), PLAYBOOK).unwrap();
    // Root becomes root without a password.
    let becomes = place.user == "root";
    for (pipelining, number) in [("false", 1), ("true", 2)] {
        let folder = place.path(&format!("made{number}"));
        std::fs::create_dir(&folder).unwrap();
        let mut command = place
            .sandbox
            .command(support::find("ansible-playbook").unwrap());
        command.args(["-i", "hosts", "--forks", "3", "play.yml", "-e"]);
        command.arg(format!(
            "folder={} becomes={becomes} ansible_python_interpreter=/usr/bin/python3",
            folder.display()
        ));
        command.current_dir(place.folder.path());
        for (name, value) in [
            ("HOME", place.folder.path().to_str().unwrap()),
            ("ANSIBLE_SSH_EXECUTABLE", &ssh),
            ("ANSIBLE_SFTP_EXTRA_ARGS", &format!("-S {ssh}")),
            ("ANSIBLE_REMOTE_USER", &place.user),
            (
                "ANSIBLE_SSH_CONTROL_PATH_DIR",
                &format!("{}", place.path(&format!("cp{number}")).display()),
            ),
            ("ANSIBLE_PIPELINING", pipelining),
            ("ANSIBLE_HOST_KEY_CHECKING", "true"),
            ("ANSIBLE_NOCOLOR", "1"),
            (
                "ANSIBLE_REMOTE_TMP",
                &format!("{}/.remote", folder.display()),
            ),
        ] {
            command.env(name, value);
        }
        let outcome = run(&mut command);
        let said = format!("{}\n{}", outcome.text(), outcome.stderr);
        assert_eq!(outcome.code, Some(0), "{said}");
        assert!(!said.contains("transfer mechanism failed"), "{said}");
        assert_eq!(place.logins(), 3 * number, "{said}");
        for host in hosts {
            let read = |kind: &str| std::fs::read_to_string(folder.join(format!("{host}.{kind}")));
            assert_eq!(read("copy").unwrap(), "copied\n");
            assert_eq!(read("template").unwrap(), format!("for {host}\n"));
        }
    }
}
