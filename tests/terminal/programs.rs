//! Programs that fill the screen, and the keys that reach them.

use super::*;

#[test]
fn vim_edits_and_saves() {
    let unfit = "its console takes sequences for text, and breaks lines by them";
    if support::left_out_under_wine(unfit) || !peer("vim") {
        return;
    }
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes");
    std::fs::write(&file, "first\nlast\n").unwrap();
    terminal.type_keys(&format!("vim -u NONE -N {}\r", file.display()));
    terminal.expect("2L, 11B");
    terminal.type_keys("jOin between ✓\u{1b}");
    terminal.expect("first\nin between ✓\nlast");
    terminal.type_keys(":wq\r");
    terminal.expect("written");
    terminal.wait_for("main screen", |terminal| {
        !terminal.screen.screen().alternate_screen()
    });
    leave(terminal);
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        "first\nin between ✓\nlast\n"
    );
}

#[test]
fn less_tmux_and_top_fill_the_screen() {
    if !["less", "tmux", "top"].into_iter().all(peer) {
        return;
    }
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    terminal.type_keys("seq 1000 | LESS= less\r");
    terminal.expect("23\n:");
    terminal.type_keys("G");
    terminal.expect("1000\n(END)");
    terminal.type_keys("q");
    terminal.type_keys("top -d 1\r");
    terminal.expect("load average");
    terminal.type_keys("q");
    terminal.expect("ready>");
    let socket = format!("eic-term-test-{}", std::process::id());
    terminal.type_keys(&format!("tmux -L {socket} -f /dev/null new sh\r"));
    terminal.expect("[0] 0:sh");
    terminal.type_keys("stty size\r");
    terminal.expect("23 80");
    terminal.type_keys("\u{2}d");
    terminal.expect("[detached");
    terminal.type_keys(&format!("tmux -L {socket} kill-server\r"));
    leave(terminal);
}

#[test]
fn colours_and_wide_characters() {
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    let no_emoji = "its console has no room for a character of more than 16 bits";
    let shown = match support::left_out_under_wine(no_emoji) {
        true => "red\\033[0m 日本語 é|",
        false => "red\\033[0m 日本語 👍 é|",
    };
    terminal.type_keys(&format!("clear; printf '\\033[38;5;196m{shown}\\n'\r"));
    terminal.expect(&format!("{}\n", shown.replace("\\033[0m", "")));
    let screen = terminal.screen.screen();
    let rows = 0..24;
    let row = rows.into_iter().find(|row| {
        screen
            .cell(*row, 0)
            .is_some_and(|cell| cell.contents() == "r")
            && screen
                .cell(*row, 1)
                .is_some_and(|cell| cell.contents() == "e")
            && screen
                .cell(*row, 2)
                .is_some_and(|cell| cell.contents() == "d")
    });
    let row = row.expect("red at the start of a line");
    assert_eq!(
        screen.cell(row, 0).unwrap().fgcolor(),
        vt100::Color::Idx(196)
    );
    assert!(screen.cell(row, 4).unwrap().is_wide());
    leave(terminal);
}

#[test]
fn mouse_reports_and_pastes_arrive_as_typed_and_are_off_afterwards() {
    let Some((_sandbox, mut terminal)) = watched(&[]) else {
        return;
    };
    terminal.type_keys("printf '\\033[?1002h\\033[?1006h\\033[?2004h'; stty -echo; cat -v\r");
    terminal.wait_for("mouse reports", |terminal| {
        terminal.screen.screen().mouse_protocol_mode() != vt100::MouseProtocolMode::None
    });
    terminal.type_keys("\u{1b}[<0;10;5M\u{1b}[200~pasted\u{1b}[201~\r");
    terminal.expect("^[[<0;10;5M^[[200~pasted^[[201~");
    terminal.type_keys("\r~.");
    terminal.expect("code 255");
    terminal.expect("same");
    let screen = terminal.screen.screen();
    assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    assert!(!screen.bracketed_paste());
}

#[test]
fn a_storm_of_resizes_ends_at_the_last() {
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    for step in 1..=100 {
        terminal.resize(20 + step % 30, 60 + step * 2);
    }
    terminal.resize(50, 300);
    terminal
        .type_keys("until [ \"$(stty size)\" = '50 300' ]; do sleep 0.1; done; echo se''ttled\r");
    terminal.expect("settled");
    leave(terminal);
}

#[test]
fn control_keys_reach_the_remote_job() {
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    for (key, status) in [("\u{3}", "130"), ("\u{1c}", "131"), ("\u{1a}", "148")] {
        terminal.type_keys("clear\r");
        terminal.wait_for("a clear screen", |terminal| {
            terminal.text().trim() == "ready>"
        });
        terminal.type_keys("sh -c 'echo star''ted; exec sleep 1000'\r");
        terminal.expect("started");
        match key {
            "\u{3}" => terminal.press_control_c(),
            key => terminal.type_keys(key),
        }
        terminal.wait_for("a prompt", |terminal| {
            terminal.text().trim_end().ends_with("ready>")
        });
        terminal.type_keys("echo \"status $?\"\r");
        terminal.expect(&format!("status {status}"));
    }
    // Shells do not end beside a stopped job the first time.
    terminal.type_keys("exit 0\r");
    terminal.expect("stopped jobs");
    leave(terminal);
}

#[test]
fn an_interrupted_flood_stops_soon() {
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    terminal.type_keys("yes a-rather-long-line-that-repeats\r");
    terminal.wait_for("a flood", |terminal| terminal.shown > 4 << 20);
    let before = terminal.shown;
    terminal.press_control_c();
    terminal.wait_for("a prompt", |terminal| {
        terminal.text().trim_end().ends_with("ready>")
    });
    let after = terminal.shown - before;
    assert!(after < 1 << 20, "{after} bytes came after the interrupt");
    leave(terminal);
}

#[test]
fn a_large_paste_arrives_whole() {
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    let less = "its console makes two records of each character: the paste is 32 KiB";
    let lines = if support::left_out_under_wine(less) {
        1 << 12
    } else {
        1 << 17
    };
    let pasted: String = (0..lines).map(|line| format!("{line:07}\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    terminal.type_keys(&format!(
        "stty raw -echo; echo read''y; head -c {} > {}; stty sane; echo who''le\r",
        pasted.len(),
        copy.display()
    ));
    terminal.expect("\nready");
    terminal.type_keys(&pasted);
    terminal.expect("whole");
    leave(terminal);
    assert!(
        std::fs::read_to_string(copy).unwrap() == pasted,
        "the paste is not whole"
    );
}

#[test]
fn a_terminal_that_shows_nothing_does_not_grow_memory() {
    let Some((_sandbox, mut terminal)) = shell(&[]) else {
        return;
    };
    terminal.type_keys("yes\r");
    terminal.wait_for("a flood", |terminal| terminal.shown > 1 << 20);
    // Nothing is looked at while the host goes on sending.
    let Ok(grown) = held(terminal.program_id()) else {
        return;
    };
    assert!(grown < 32 << 10, "{grown} KiB");
    terminal.type_keys("\r~.");
    terminal.drain();
}

/// The memory that a process holds, in KiB, when it has stopped growing.
fn held(process: u32) -> std::io::Result<u64> {
    let mut last = 0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .unwrap();
        let now = line.trim().trim_end_matches(" kB").parse().unwrap();
        if now == last {
            return Ok(now);
        }
        last = now;
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}
