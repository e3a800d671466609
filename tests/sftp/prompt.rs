//! The prompt as a person uses it.

use super::place::Place;
use super::support::terminal::Terminal;
use super::support::{Sandbox, left_out_under_wine, noise, under_wine};

/// Waits until this is shown, and the next command asked for.
fn at_prompt(terminal: &mut Terminal, shown: &str) {
    terminal.wait_for(&format!("`{shown}` and a prompt"), |terminal| {
        let text = terminal.text();
        text.contains(shown) && text.trim_end().ends_with("sftp>")
    });
}

/// The prompt, in the local folder; how it ended is said afterwards, and whether the terminal is as it was.
fn prompt(place: &Place, sandbox: &Sandbox, options: &str) -> Terminal {
    if under_wine() {
        let options = options.split_whitespace();
        let words: Vec<_> = options.chain(["-D", &place.our_server]).collect();
        let mut terminal = Terminal::start_named(sandbox, "sftp", &words);
        terminal.expect("sftp>");
        let here = place.text("local");
        terminal.type_keys(&format!("lcd {here}\rcd {here}\r"));
        return terminal;
    }
    let script = format!(
        "trap : INT; before=$(stty -a); cd {}; {} {options} -D {}; echo \"code $?\"; [ \"$(stty -a)\" = \"$before\" ] && echo same",
        place.text("local"),
        place.ours,
        place.server,
    );
    let mut terminal = Terminal::start(sandbox, "sh", &["-c", &script]);
    terminal.expect("sftp> ");
    terminal
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
    let mut terminal = prompt(&place, &sandbox, "");
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
    // Windows holds no name with a star in it.
    let held = match under_wine() {
        true => ("x\t\r", "gxb"),
        false => ("*\t\r", "g*b"),
    };
    terminal.type_keys("get \"g\t\t");
    terminal.expect("gxb");
    let (typed, name) = held;
    terminal.type_keys(typed);
    at_prompt(&mut terminal, &format!("{name} to {name}"));
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
    let inner = if under_wine() {
        r"local\tree\inner"
    } else {
        "local/tree/inner"
    };
    at_prompt(&mut terminal, inner);
    terminal.type_keys("lcd ../..\rput ../local/\u{fc}b\t\r");
    at_prompt(&mut terminal, "Uploading ../local/\u{fc}ber to");
    // An earlier line is found by a word of it.
    terminal.type_keys("\u{12}old/de\r");
    at_prompt(&mut terminal, "old/deep/c");
    // A line that is given up.
    terminal.type_keys("nonsense");
    terminal.press_control_c();
    at_prompt(&mut terminal, "nonsense\n");
    let sum = if under_wine() { "4^2" } else { "$((40 + 2))" };
    terminal.type_keys(&format!("!echo shell-{sum}\r"));
    at_prompt(&mut terminal, "shell-42");
    terminal.type_keys("\u{4}");
    terminal.expect("same");
    terminal.expect("code 0");
    assert_eq!(terminal.exit_code(), 0);
    assert!(place.path("local").join(name).exists());
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
    let mut terminal = prompt(&place, &sandbox, "-l 512");
    terminal.type_keys(&format!("cd {}\r", place.text("remote")));
    // Wine's console takes the sequence before a line for letters of it, and breaks it.
    let under_way = if under_wine() { " le" } else { " left" };
    for command in ["get huge", "put ../remote/huge copy"] {
        terminal.type_keys(&format!("{command}\r"));
        terminal.expect(under_way);
        terminal.press_control_c();
        at_prompt(&mut terminal, "interrupted");
        terminal.type_keys("pwd\r");
        at_prompt(&mut terminal, "Remote working directory: ");
        terminal.type_keys(if under_wine() { "!cls\r" } else { "!clear\r" });
        terminal.wait_for("an empty screen", |terminal| {
            !terminal.text().contains("interrupted")
        });
    }
    // A program of this machine is stopped, and nothing else.
    if !left_out_under_wine("a program that Ctrl-C ends there ends as if all were well") {
        terminal.type_keys("!echo begun; sleep 600\r");
        terminal.expect("\nbegun");
        terminal.press_control_c();
        at_prompt(&mut terminal, "the shell ended with");
    }
    terminal.type_keys("reget huge\r");
    terminal.expect("Resuming");
    terminal.expect(under_way);
    terminal.press_control_c();
    at_prompt(&mut terminal, "interrupted");
    terminal.type_keys("bye\r");
    terminal.expect("code 0");
    terminal.expect("same");
    let got = std::fs::read(place.path("local/huge")).unwrap();
    assert!(
        !got.is_empty() && noise(4 << 20).starts_with(&got),
        "{}",
        got.len()
    );
}
