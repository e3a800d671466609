//! What a person sees.

use super::*;
use support::terminal::Terminal;

#[test]
fn on_a_terminal_each_has_a_line_and_then_all_is_folded() {
    let sandbox = Sandbox::with(healthy(6));
    let command = "printf 'half \\033[2J%s' $EIC_SANDBOX_INSTANCE >&2; echo same; sleep 2";
    let mut terminal = Terminal::start(
        &sandbox,
        &support::binary(),
        &["exec", "--parallel", "4", "web-*", "--", command],
    );
    terminal.expect("0 of 6 done, 4 working");
    terminal.expect("web-03");
    terminal.expect("half \\u{1b}[2J");
    assert_eq!(terminal.exit_code(), 0);
    terminal.drain();
    let text = terminal.text();
    assert!(
        text.starts_with("---- web-00, web-01, web-02, web-03, web-04, web-05 (6) ----\nsame\n"),
        "{text}"
    );
    assert!(
        text.contains("6 ok in ") && !text.contains("working"),
        "{text}"
    );
}
