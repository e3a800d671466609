//! The list to pick from, and completion, as a person at a terminal has them.

#![allow(clippy::restriction, reason = "tests fail by panicking")]
#![cfg(unix)]

mod support;

use std::fmt::Write as _;
use std::path::Path;

use eic_sandbox::{Config, Fleet};
use support::terminal::Terminal;
use support::{Sandbox, binary, peer, run};

const ALL: usize = 5000;

/// 5,000 instances, of which four run, two of them under one name.
fn crowd() -> Sandbox {
    let mut text =
        "[[endpoint]]\nid = \"eice-0c120000000000001\"\nvpc = \"vpc-1\"\nsubnet = \"subnet-1\"\n"
            .to_owned();
    for number in 0..ALL {
        let (name, state) = match number {
            100 | 200 => ("twin".to_owned(), "running"),
            300 => ("needle-1".to_owned(), "running"),
            400 => ("needle-2".to_owned(), "running"),
            500 => ("evil \u{202e}x".to_owned(), "stopped"),
            _ => (format!("hay-{number:04}"), "stopped"),
        };
        writeln!(
            text,
            "[[instance]]\nid = \"i-0c12{number:013x}\"\nname = \"{name}\"\nstate = \"{state}\"\nvpc = \"vpc-1\"\n\
             subnet = \"subnet-1\"\nprivate_ip = \"10.7.{}.{}\"",
            number / 250,
            number % 250 + 1
        )
        .unwrap();
    }
    Sandbox::with(Config::default().fleet(text.parse::<Fleet>().unwrap()))
}

/// A shell in which `eic-term` is the program under test.
fn shell(sandbox: &Sandbox, line: &str) -> Terminal {
    let line = line.replace("eic-term", &binary());
    Terminal::start(sandbox, "sh", &["-c", &line])
}

#[test]
fn one_of_five_thousand_in_a_windows_console() {
    if !support::under_wine() {
        return;
    }
    let sandbox = crowd();
    let start = |args: &[&str]| Terminal::start_ours(&sandbox, &[], args);
    let in_a_shell = |terminal: &mut Terminal, on: &str| {
        terminal.wait_for("a prompt", |terminal| {
            terminal.text().trim_end().ends_with(['#', '$'])
        });
        terminal.type_keys("echo on ${EIC_SANDBOX_INSTANCE%x}; exit 5\r");
        terminal.expect(&format!("on {on}"));
        terminal.expect("code 5");
        terminal.expect("same");
    };
    let mut terminal = start(&[]);
    terminal.expect("5000 of 5000");
    terminal.type_keys("needle2");
    terminal.expect("> needle-2 ");
    terminal.type_keys("\r");
    in_a_shell(&mut terminal, "i-0c120000000000190");
    // By an arrow key.
    let mut terminal = start(&["twin"]);
    terminal.expect("2 of 2");
    terminal.type_keys("\u{1b}[B\r");
    in_a_shell(&mut terminal, "i-0c1200000000000c8");
    manual_pages(&sandbox);
}

#[test]
fn one_of_five_thousand() {
    if support::left_out_under_wine("a shell of this system runs it, and asks it for completions") {
        return;
    }
    let sandbox = crowd();
    let mut terminal = shell(&sandbox, "echo before; eic-term; echo \"code $?\"");
    terminal.expect("5000 of 5000");
    let lines: Vec<_> = terminal.screen.screen().rows(0, 80).collect();
    assert!(
        lines[2].starts_with("> evil \\u{202e}x  i-0c12"),
        "{lines:?}"
    );
    terminal.type_keys("needle2");
    terminal.expect("> needle-2 ");
    terminal.type_keys("\r");
    terminal.wait_for("a shell", |terminal| {
        !terminal.screen.screen().alternate_screen()
    });
    terminal.type_keys("echo on ${EIC_SANDBOX_INSTANCE%x}; exit 5\r");
    terminal.expect("on i-0c120000000000190");
    terminal.expect("code 5");
    terminal.drain();
    // The one that was used stands first the next time; who leaves sees what was there before.
    let mut terminal = shell(&sandbox, "echo before; eic-term; echo \"code $?\"");
    terminal.expect("> needle-2");
    terminal.type_keys("twin");
    terminal.expect("2 of 5000");
    terminal.type_keys("\u{1b}");
    terminal.expect("code 130");
    terminal.drain();
    assert_eq!(terminal.text().trim_end(), "before\ncode 130");
    // Several of one name, without a look at the others.
    let mut terminal = shell(&sandbox, "eic-term twin; echo \"code $?\"");
    terminal.expect("2 of 2");
    terminal.type_keys("\u{1b}[B\r");
    terminal.wait_for("a shell", |terminal| {
        !terminal.screen.screen().alternate_screen()
    });
    terminal.type_keys("echo on ${EIC_SANDBOX_INSTANCE%x}; exit\r");
    terminal.expect("on i-0c1200000000000c8");
    // Several to run a command on.
    let mut terminal = shell(&sandbox, "eic-term exec -- echo run; echo \"code $?\"");
    terminal.expect("of 5000");
    terminal.type_keys("needle\t");
    terminal.expect("1 marked");
    terminal.type_keys("\t");
    terminal.expect("2 marked");
    terminal.type_keys("\r");
    terminal.expect("code 0");
    terminal.drain();
    let text = terminal.text();
    assert!(
        text.contains("---- needle-1, needle-2 (2) ----\nrun\n")
            || text.contains("---- needle-2, needle-1 (2) ----\nrun\n"),
        "{text}"
    );
    // Never where nobody looks.
    let none = run(&mut sandbox.eic_term::<&str>([]));
    assert!(
        none.code == Some(2) && none.stderr.contains("Usage:"),
        "{}",
        none.stderr
    );
    assert_eq!(
        run(&mut sandbox.eic_term(["exec", "--", "true"])).code,
        Some(2)
    );
    let twin = run(&mut sandbox.eic_term(["twin"]));
    assert!(
        twin.code == Some(255) && twin.stderr.contains("`twin` is 2 instances"),
        "{}",
        twin.stderr
    );
    completion_in_real_shells(&sandbox);
    manual_pages(&sandbox);
}

/// Each completes a command, an option and a name; not with a word to AWS.
fn completion_in_real_shells(sandbox: &Sandbox) {
    let calls = sandbox.region.calls("DescribeInstances");
    let folder = Path::new(&binary()).parent().unwrap().display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let home = sandbox.region.folder().display().to_string();
    for (program, args, script) in [
        (
            "bash",
            &["--norc", "--noprofile", "-i"][..],
            "eval \"$(eic-term completion bash)\"",
        ),
        (
            "zsh",
            &["-f", "-i"],
            "autoload -U compinit; compinit -u -D; eval \"$(eic-term completion zsh)\"",
        ),
        (
            "fish",
            &["--no-config", "-i"],
            "eic-term completion fish | source",
        ),
    ] {
        if !peer(program) {
            continue;
        }
        let mut terminal =
            Terminal::start_with(sandbox, &[("PATH", &path), ("HOME", &home)], program, args);
        terminal.type_keys(&format!("{script}; echo re''ady\r"));
        terminal.expect("ready");
        for (typed, completed) in [
            ("eic-term compl\t", "eic-term completion"),
            ("eic-term exec --broadc\t", "--broadcast-stdin"),
            ("eic-term exec ubuntu@hay-12\t4\t4\t", "ubuntu@hay-1244"),
            ("eic-term needle-\t1", "eic-term needle-1"),
        ] {
            terminal.type_keys(typed);
            terminal.expect(completed);
            terminal.type_keys("\u{15}");
        }
        terminal.type_keys("\u{15}exit\r");
    }
    power_shell(sandbox);
    assert_eq!(sandbox.region.calls("DescribeInstances"), calls);
}

/// No Debian package has PowerShell: its script is asked for, and the program asked as the script does.
fn power_shell(sandbox: &Sandbox) {
    let script = run(&mut sandbox.eic_term(["completion", "powershell"])).text();
    for part in [
        "Register-ArgumentCompleter -Native -CommandName 'eic-term'",
        "$env:COMPLETE = 'powershell'",
        "$env:EIC_TERM_WORDS = $words -join \"`n\"",
    ] {
        assert!(script.contains(part), "no {part} in\n{script}");
    }
    assert!(
        !script.contains("Invoke-Expression"),
        "it runs what is typed: {script}"
    );
    for (typed, completed) in [
        ("eic-term compl", "completion\t"),
        ("eic-term exec --broadc", "--broadcast-stdin\t"),
        ("eic-term exec ubuntu@hay-1244", "ubuntu@hay-1244\ti-0c12"),
        ("eic-term needle-", "needle-1\ti-0c12"),
        ("eic-term exec ", "needle-2\ti-0c12"),
        ("eic-term exec --region nowhere-1 needle-", ""),
    ] {
        let mut command = sandbox.eic_term::<&str>([]);
        command.env("COMPLETE", "powershell");
        command.env("EIC_TERM_WORDS", typed.replace(' ', "\n"));
        let outcome = run(&mut command);
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (Some(0), ""),
            "{typed}"
        );
        let found = outcome
            .text()
            .lines()
            .any(|line| line.starts_with(completed));
        assert_eq!(found, !completed.is_empty(), "{typed}: {}", outcome.text());
    }
    match support::find("pwsh") {
        Some(pwsh) => in_power_shell(sandbox, &pwsh, &script),
        None => {
            println!("LEFT OUT: pwsh is not installed, so PowerShell itself has not run the script")
        }
    }
}

fn in_power_shell(sandbox: &Sandbox, pwsh: &Path, script: &str) {
    let folder = Path::new(&binary()).parent().unwrap().display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    for (typed, completed) in [
        ("eic-term compl", "completion"),
        ("eic-term exec ubuntu@hay-1244", "ubuntu@hay-1244"),
        ("eic-term needle-", "needle-1"),
    ] {
        let ask = format!(
            "{script}\n(TabExpansion2 '{typed}' {}).CompletionMatches.CompletionText",
            typed.len()
        );
        let mut command = sandbox.command(pwsh);
        command
            .env("PATH", &path)
            .args(["-NoProfile", "-NonInteractive", "-Command", &ask]);
        let outcome = run(&mut command);
        assert!(
            outcome.text().lines().any(|line| line == completed),
            "{typed}: {outcome:?}"
        );
    }
}

fn manual_pages(sandbox: &Sandbox) {
    let folder = sandbox.region.folder().join("man");
    let outcome = run(&mut sandbox.eic_term(["man", folder.to_str().unwrap()]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for (page, words) in [
        ("eic-term.1", "eic\\-term"),
        ("eic-term-exec.1", "broadcast"),
    ] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(words), "{page}: {text}");
    }
}

/// The column where the ids stand in each line of the list.
fn id_columns(terminal: &Terminal, rows: u16, columns: u16) -> Vec<u16> {
    let screen = terminal.screen.screen();
    let is_id = |row: u16, column: u16| {
        let cell = |at: u16| screen.cell(row, column + at).map(vt100::Cell::contents);
        ["i", "-", "0", "c"]
            .iter()
            .zip(0..)
            .all(|(text, at)| cell(at) == Some(text))
    };
    (2..rows)
        .filter_map(|row| (0..columns).find(|column| is_id(row, *column)))
        .collect()
}

#[test]
fn names_sizes_and_ways_out() {
    if support::left_out_under_wine("a shell of this system runs it") {
        return;
    }
    let mut text = String::new();
    let names = [
        "plain-1",
        "日本-2",
        "🚀 rocket-3",
        "Łódź-4",
        "e\u{301}-5",
        "\u{202e}evil-6",
        "-7",
        "$(touch x)-8",
        " -9",
        "%s-10",
        "a-name-that-goes-on-and-on-and-on-and-on-for-a-line-and-more-11",
    ];
    for (number, name) in names.iter().enumerate() {
        writeln!(
            text,
            "[[instance]]\nid = \"i-0c12{number:013x}\"\nname = \"{name}\"\nstate = \"stopped\""
        )
        .unwrap();
    }
    let sandbox = Sandbox::with(Config::default().fleet(text.parse::<Fleet>().unwrap()));
    let script = "before=$(stty -a); eic-term; echo \"code $?\"; [ \"$(stty -a)\" = \"$before\" ] && echo same";
    for (keys, code) in [
        ("\u{1b}", 130),
        ("\u{3}", 130),
        ("zzzz\r\u{15}\u{3}", 130),
        ("plain\r", 255),
    ] {
        let mut terminal = shell(&sandbox, script);
        terminal.expect("11 of 11");
        terminal.expect("\\u{202e}evil-6");
        let columns = id_columns(&terminal, 24, 80);
        assert!(
            columns.len() == 11 && columns.iter().all(|one| *one == columns[0]),
            "{columns:?}\n{}",
            terminal.text()
        );
        // A key's sequence in two pieces is no escape.
        terminal.type_keys("\u{1b}");
        terminal.type_keys("[B");
        terminal.wait_for("the second line", |terminal| {
            terminal
                .screen
                .screen()
                .rows(0, 80)
                .nth(3)
                .is_some_and(|row| row.starts_with('>'))
        });
        terminal.resize(7, 40);
        terminal.wait_for("five lines", |terminal| {
            let rows: Vec<_> = terminal.screen.screen().rows(0, 40).collect();
            rows[1].contains("11 of 11") && rows[6].contains("a-name-that-goes-on")
        });
        terminal.resize(24, 80);
        terminal.wait_for("all of them", |terminal| {
            id_columns(terminal, 24, 80).len() == 11
        });
        terminal.type_keys(keys);
        terminal.expect(&format!("code {code}"));
        terminal.expect("same");
        terminal.drain();
        assert!(!terminal.screen.screen().alternate_screen());
    }
}
