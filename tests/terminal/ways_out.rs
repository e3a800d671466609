//! Every way out leaves the terminal as it was.

use super::*;

type Way = fn(&mut Terminal);

#[test]
fn the_terminal_is_left_as_it_was_on_every_way_out() {
    let ways: [(&str, Way, u8); 6] = [
        ("exit", |terminal| terminal.type_keys("exit 7\r"), 7),
        ("~.", |terminal| terminal.type_keys("\r~."), 255),
        (
            "SIGTERM",
            |terminal| signal("TERM", &child_of(terminal)),
            143,
        ),
        ("SIGHUP", |terminal| signal("HUP", &child_of(terminal)), 129),
        ("SIGINT", |terminal| signal("INT", &child_of(terminal)), 130),
        (
            "a dead server",
            |terminal| terminal.type_keys("kill -9 $PPID\r"),
            255,
        ),
    ];
    for (way, go, code) in ways {
        let Some((_sandbox, mut terminal)) = watched(&[]) else {
            return;
        };
        // In the alternate screen, with the cursor hidden, as an editor would be.
        terminal.type_keys("printf '\\033[?1049h\\033[?25l'; echo with''in\r");
        terminal.expect("within");
        go(&mut terminal);
        terminal.expect(&format!("code {code}"));
        terminal.expect("same");
        let screen = terminal.screen.screen();
        assert!(!screen.alternate_screen(), "{way}");
        assert!(!screen.hide_cursor(), "{way}");
    }
}

/// Started by the test below, in a terminal of its own.
#[tokio::test]
async fn panicking_in_raw_mode() {
    if std::env::var_os("EIC_TERM_TEST_PANICS").is_some() {
        let _console = eic_term::terminal::Console::open().unwrap();
        println!(
            "raw: {}",
            run(Command::new("stty").stdin(std::process::Stdio::inherit())).text()
        );
        panic!("on purpose");
    }
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was() {
    let sandbox = Sandbox::start();
    let program = std::env::current_exe().unwrap();
    let script = format!(
        "before=$(stty -a); EIC_TERM_TEST_PANICS=1 {} --nocapture --exact ways_out::panicking_in_raw_mode; \
         echo \"code $?\"; [ \"$(stty -a)\" = \"$before\" ] && echo same",
        program.display()
    );
    let mut terminal = Terminal::start(&sandbox, "sh", &["-c", &script]);
    terminal.expect("-icanon");
    terminal.expect("code 101");
    terminal.expect("same");
}

#[test]
fn a_silent_host_ends_the_session_with_what_happened() {
    let Some((_sandbox, mut terminal)) = watched(&["--keepalive", "1"]) else {
        return;
    };
    terminal.type_keys("kill -STOP $PPID\r");
    terminal.expect("no sign of life for 4 s");
    terminal.expect("code 255");
    terminal.expect("same");
    assert!(
        terminal.text().contains("was lost after "),
        "{}",
        terminal.text()
    );
}
