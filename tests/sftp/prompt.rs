//! The prompt as a person uses it.

use super::place::Place;
use super::support::terminal::Terminal;
use super::support::{Sandbox, noise};

/// Waits until this is shown, and the next command asked for.
fn at_prompt(terminal: &mut Terminal, shown: &str) {
    terminal.wait_for(&format!("`{shown}` and a prompt"), |terminal| {
        let text = terminal.text();
        text.contains(shown) && text.trim_end().ends_with("sftp>")
    });
}

#[test]
fn a_prompt_edits_completes_and_remembers() {
    let Some(place) = Place::new() else {
        return;
    };
    place.prepare();
    let name = "clear\x1b[2Jed";
    std::fs::write(place.path("remote").join(name), "").unwrap();
    std::fs::write(place.path("local").join("\u{fc}ber"), "").unwrap();
    let sandbox = Sandbox::start();
    let script = format!(
        "before=$(stty -a); cd {}; {} -D {}; echo \"code $?\"; [ \"$(stty -a)\" = \"$before\" ] && echo same",
        place.text("local"),
        place.ours,
        place.server,
    );
    let mut terminal = Terminal::start(&sandbox, "sh", &["-c", &script]);
    terminal.expect("sftp> ");
    // Names of the host, a quoted one too, and of commands.
    terminal.type_keys("cd ../rem\t");
    terminal.expect("cd ../remote/");
    terminal.type_keys("\r");
    at_prompt(&mut terminal, "remote/");
    terminal.type_keys("l\t\t");
    terminal.expect("lumask");
    terminal.type_keys("s -1 old/de\t\r");
    at_prompt(&mut terminal, "old/deep/c");
    terminal.type_keys("get wi\t\r");
    at_prompt(&mut terminal, "with space to with space");
    terminal.type_keys("get \"g\t\t");
    terminal.expect("gxb");
    terminal.type_keys("*\t\r");
    at_prompt(&mut terminal, "g*b to g*b");
    // Names that are here.
    terminal.type_keys("put se\t\r");
    at_prompt(&mut terminal, "Uploading sent to");
    // A name from the host does not drive the screen.
    terminal.type_keys("ls -1 cl*\r");
    at_prompt(&mut terminal, "clear\\u{1b}[2Jed");
    terminal.expect("Uploading sent to");
    // Up, and an edit at its start.
    terminal.type_keys("pdw\u{1b}[D\u{8}\u{1b}[Cd\r");
    at_prompt(&mut terminal, "Remote working directory");
    terminal.type_keys("\u{1b}[A\u{1}l\r");
    at_prompt(&mut terminal, "Local working directory");
    // Words and ends of lines are taken away, and a folder here is completed.
    terminal.type_keys("wrong words\u{15}lcd nothing\u{17}tr\t\u{5}inn\t\r");
    at_prompt(&mut terminal, "lcd tree/inner/");
    terminal.type_keys("lpwd rest\u{1b}[D\u{1b}[D\u{1b}[D\u{1b}[D\u{b}\r");
    at_prompt(&mut terminal, "local/tree/inner");
    terminal.type_keys("lcd ../..\rput ../local/\u{fc}b\t\r");
    at_prompt(&mut terminal, "Uploading ../local/\u{fc}ber to");
    // An earlier line is found by a word of it.
    terminal.type_keys("\u{12}old/de\r");
    at_prompt(&mut terminal, "old/deep/c");
    // A line that is given up.
    terminal.type_keys("nonsense\u{3}");
    at_prompt(&mut terminal, "nonsense\n");
    terminal.type_keys("!echo shell-$((40 + 2))\r");
    at_prompt(&mut terminal, "shell-42");
    terminal.type_keys("\u{4}");
    terminal.expect("same");
    terminal.expect("code 0");
    assert_eq!(terminal.exit_code(), 0);
    assert!(place.path("local/g*b").exists());
}

#[test]
fn control_c_stops_a_transfer_and_leaves_the_prompt() {
    let Some(place) = Place::new() else {
        return;
    };
    place.prepare();
    std::fs::write(place.path("remote/huge"), noise(4 << 20)).unwrap();
    let sandbox = Sandbox::start();
    // At this rate it takes a minute.
    let script = format!(
        "cd {} && exec {} -l 512 -D {}",
        place.text("local"),
        place.ours,
        place.server,
    );
    let mut terminal = Terminal::start(&sandbox, "sh", &["-c", &script]);
    terminal.expect("sftp> ");
    terminal.type_keys(&format!("cd {}\r", place.text("remote")));
    for command in ["get huge", "put ../remote/huge copy"] {
        terminal.type_keys(&format!("{command}\r"));
        terminal.expect(" left");
        terminal.press_control_c();
        at_prompt(&mut terminal, "interrupted");
        terminal.type_keys("pwd\r");
        at_prompt(&mut terminal, "Remote working directory: ");
        terminal.type_keys("!clear\r");
        terminal.wait_for("an empty screen", |terminal| {
            !terminal.text().contains("interrupted")
        });
    }
    // A program of this machine is stopped, and nothing else.
    terminal.type_keys("!echo begun; sleep 600\r");
    terminal.expect("\nbegun");
    terminal.press_control_c();
    at_prompt(&mut terminal, "the shell ended with");
    terminal.type_keys("reget huge\r");
    terminal.expect("Resuming");
    terminal.expect(" left");
    terminal.press_control_c();
    at_prompt(&mut terminal, "interrupted");
    terminal.type_keys("bye\r");
    assert_eq!(terminal.exit_code(), 0);
    let got = std::fs::read(place.path("local/huge")).unwrap();
    assert!(
        !got.is_empty() && noise(4 << 20).starts_with(&got),
        "{}",
        got.len()
    );
}
