//! What the host is told of the terminal, and what we say ourselves.

use super::*;

#[test]
fn the_terminals_modes_and_language_go_along() {
    if has_no_shell() {
        return;
    }
    let sandbox = Sandbox::with_sshd();
    let Some(sandbox) = sandbox else {
        return;
    };
    let script = format!(
        "stty intr ^X erase ^H -ixon; LC_TIME=C.UTF-8 {} exec -t web-1 -- \
         'stty -a | grep -ow -e \"intr = ..\" -e \"erase = ..\" -e -ixon; echo $LC_TIME; stty size'",
        support::binary()
    );
    let mut terminal = Terminal::start(&sandbox, "sh", &["-c", &script]);
    terminal.expect("intr = ^X\nerase = ^H\n-ixon\nC.UTF-8\n24 80");
}

#[test]
fn keys_have_the_cipher_that_is_fastest_for_them() {
    let Some((_sandbox, terminal)) = shell(&["-v"]) else {
        return;
    };
    let said = terminal.text().replace('\n', "");
    let agreed = "ssh-ed25519, chacha20-poly1305@openssh.com";
    assert!(said.contains(agreed), "{said}");
    leave(terminal);
}

#[test]
fn a_terminal_that_the_host_does_not_know_is_said_once() {
    let Some((_sandbox, terminal)) = shell_with(&[("TERM", "no-such-terminal")], &[]) else {
        return;
    };
    assert!(
        terminal
            .text()
            .contains("does not know the terminal `no-such-terminal`")
    );
    leave(terminal);
    let args = ["--term", "xterm-256color"];
    let Some((_sandbox, terminal)) = shell_with(&[("TERM", "no-such-terminal")], &args) else {
        return;
    };
    assert!(!terminal.text().contains("does not know"));
    leave(terminal);
}

#[test]
fn a_terminal_of_no_known_type_is_a_dumb_one() {
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    // A console of Windows knows xterm's sequences.
    let expected = if support::under_wine() {
        "xterm-256color"
    } else {
        "dumb"
    };
    for term in [None, Some("")] {
        let mut command = sandbox.eic_term(["exec", "-tt", "web-1", "--", "echo [$TERM]"]);
        match term {
            None => command.env_remove("TERM"),
            Some(term) => command.env("TERM", term),
        };
        let outcome = run(&mut command);
        assert_eq!(outcome.text().trim(), format!("[{expected}]"));
    }
}

#[test]
fn the_end_of_a_tunnel_is_announced_and_named() {
    let Some((_sandbox, mut terminal)) = shell(&[
        "--connection-type",
        "eice",
        "-p",
        "22",
        "--max-tunnel-duration",
        "6",
    ]) else {
        return;
    };
    let before = terminal.shown;
    terminal.wait_for("word of the end", |terminal| terminal.shown > before + 20);
    terminal.expect("error: the tunnel to");
    assert!(
        terminal.text().contains("maximum duration"),
        "{}",
        terminal.text()
    );
    assert_eq!(terminal.exit_code(), 255);
}

#[test]
fn a_slow_connection_says_what_it_waits_for_and_cleans_up() {
    let rtt = std::time::Duration::from_millis(300);
    let sandbox = Sandbox::with(eic_sandbox::Config::default().rtt(rtt));
    let mut terminal = Terminal::start_ours(&sandbox, &[], &["db-1"]);
    terminal.expect("db-1: ");
    terminal.wait_for("a prompt", |terminal| {
        terminal.text().trim_end().ends_with(['#', '$'])
    });
    terminal.type_keys("echo he''re; exit\r");
    terminal.expect("here");
    terminal.drain();
    assert!(!terminal.text().contains("db-1: "), "{}", terminal.text());
    let mut terminal = Terminal::start_ours(&sandbox, &[], &["-q", "db-1"]);
    terminal.type_keys("exit\r");
    terminal.drain();
    assert!(!terminal.text().contains("db-1: "), "{}", terminal.text());
}
