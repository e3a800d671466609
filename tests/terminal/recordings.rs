//! Recordings that replay to the same screen.

use super::*;

#[test]
fn a_recording_replays_to_the_same_screen() {
    let folder = tempfile::tempdir().unwrap();
    let cast = folder.path().join("session.cast");
    let record = ["--record", cast.to_str().unwrap(), "--record-input"];
    let Some((_sandbox, mut terminal)) = shell(&record) else {
        return;
    };
    terminal.resize(30, 100);
    terminal.type_keys("until [ \"$(stty size)\" = '30 100' ]; do sleep 0.1; done; clear\r");
    terminal.type_keys("printf '\\033[1;32mgreen 日本語\\033[0m\\n'; echo en''d; exit\r");
    terminal.expect("end");
    terminal.drain();
    assert_eq!(terminal.exit_code(), 0);
    let mode = std::fs::metadata(&cast).unwrap().permissions().mode();
    assert!(mode & 0o777 == 0o600 || support::under_wine());
    // What runs it in a console says something after it.
    let replayed = replay(&cast).screen().contents();
    assert!(
        replayed == terminal.text()
            || support::under_wine() && terminal.text().starts_with(&replayed),
        "{replayed}"
    );
    let text = std::fs::read_to_string(&cast).unwrap();
    assert!(
        text.contains("\"i\",") && text.contains("\"r\",\"100x30\""),
        "{text}"
    );
    if peer("asciinema") {
        let played = run(Command::new(support::find("asciinema").unwrap())
            .arg("cat")
            .arg(&cast));
        assert!(played.text().contains("green 日本語"), "{}", played.stderr);
    }
}

fn replay(cast: &Path) -> vt100::Parser {
    let text = std::fs::read_to_string(cast).unwrap();
    let mut screen = vt100::Parser::new(24, 80, 0);
    for line in text.lines().skip(1) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let data = event[2].as_str().unwrap();
        match event[1].as_str().unwrap() {
            "o" => screen.process(data.as_bytes()),
            "r" => {
                let (columns, rows) = data.split_once('x').unwrap();
                let size = (rows.parse().unwrap(), columns.parse().unwrap());
                screen.screen_mut().set_size(size.0, size.1);
            }
            _ => {}
        }
    }
    screen
}

#[test]
fn a_full_disk_stops_the_recording_not_the_session() {
    if has_no_shell() {
        return;
    }
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cast = folder.path().join("session.cast");
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; {} exec -t --record {} web-1 -- 'seq 10000; echo e''nd; exit 5'; echo \"code $?\"",
        support::binary(),
        cast.display()
    );
    let mut terminal = Terminal::start(&sandbox, "sh", &["-c", &script]);
    terminal.expect("code 5");
    assert!(
        terminal.text().contains("was cut short"),
        "{}",
        terminal.text()
    );
    replay(&cast);
}
