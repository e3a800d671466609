//! A line as a command of `sftp`: pure.

use super::command::{Change, Command, How, Listing, Order, Transfer, View};
use super::options::Options;
use super::words::{self, Word};

/// Why a line is no command.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a quote is not closed")]
    Unterminated,
    #[error("`{0}` is no command")]
    Unknown(String),
    #[error("{command} has no option -{option}")]
    Option {
        command: &'static str,
        option: String,
    },
    #[error("{0} needs a path")]
    NoPath(&'static str),
    #[error("{0} needs two paths")]
    NoTwoPaths(&'static str),
    #[error("{command} needs {kind} number first")]
    NoNumber {
        command: &'static str,
        kind: &'static str,
    },
}

/// What may stand before a command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prefix {
    /// `-`: it may fail, and a batch goes on.
    pub(super) may_fail: bool,
    /// `@`: a batch does not show it.
    pub(super) silent: bool,
}

/// Every command's name, and the name that it goes by here.
pub(super) const NAMES: [(&str, &str); 38] = [
    ("!", "!"),
    ("?", "help"),
    ("bye", "quit"),
    ("cd", "cd"),
    ("chdir", "cd"),
    ("chgrp", "chgrp"),
    ("chmod", "chmod"),
    ("chown", "chown"),
    ("copy", "cp"),
    ("cp", "cp"),
    ("df", "df"),
    ("dir", "ls"),
    ("exit", "quit"),
    ("get", "get"),
    ("help", "help"),
    ("lcd", "lcd"),
    ("lchdir", "lcd"),
    ("lls", "lls"),
    ("lmkdir", "lmkdir"),
    ("ln", "ln"),
    ("lpwd", "lpwd"),
    ("ls", "ls"),
    ("lumask", "lumask"),
    ("mget", "get"),
    ("mkdir", "mkdir"),
    ("mput", "put"),
    ("progress", "progress"),
    ("put", "put"),
    ("pwd", "pwd"),
    ("quit", "quit"),
    ("reget", "reget"),
    ("rename", "rename"),
    ("reput", "reput"),
    ("rm", "rm"),
    ("rmdir", "rmdir"),
    ("stat", "stat"),
    ("symlink", "symlink"),
    ("version", "version"),
];

/// Takes off what stands before the command.
pub(super) fn prefix(line: &[u8]) -> (Prefix, &[u8]) {
    let mut prefix = Prefix::default();
    let mut rest = line.trim_ascii();
    while let Some((first, after)) = rest.split_first() {
        match first {
            b'-' => prefix.may_fail = true,
            b'@' => prefix.silent = true,
            _ => break,
        }
        rest = after;
    }
    (prefix, rest.trim_ascii_start())
}

/// Reads a line without its prefix; `None` where there is nothing to do.
pub(super) fn parse(line: &[u8]) -> Result<Option<Command>, Malformed> {
    match line {
        [] | [b'#', ..] => return Ok(None),
        [b'!', rest @ ..] => return Ok(Some(Command::Shell(rest.trim_ascii().to_vec()))),
        _ => {}
    }
    let words = words::split(line).map_err(|_| Malformed::Unterminated)?;
    let Some((first, words)) = words.split_first() else {
        return Ok(None);
    };
    let typed = first.name();
    let known = NAMES
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(&typed));
    let Some((_, name)) = known else {
        let typed = String::from_utf8_lossy(&typed).into_owned();
        return Err(Malformed::Unknown(typed));
    };
    let rest = line.get(typed.len()..).unwrap_or_default();
    command(name, words, rest).map(Some)
}

fn command(name: &'static str, words: &[Word], rest: &[u8]) -> Result<Command, Malformed> {
    let options = |known| Options::split(name, words, known);
    Ok(match name {
        "cd" => Command::Cd(options("")?.path()),
        "chmod" => change(name, 8, options("h")?, Change::Mode)?,
        "chown" => change(name, 10, options("h")?, Change::Owner)?,
        "chgrp" => change(name, 10, options("h")?, Change::Group)?,
        "cp" => {
            let (from, to) = options("")?.two_paths()?;
            Command::Copy(from, to)
        }
        "df" => {
            let options = options("hi")?;
            Command::Df {
                human: options.has('h'),
                inodes: options.has('i'),
                path: options.path(),
            }
        }
        "get" | "reget" => Command::Get(transfer(name, options("afPpRr")?)?),
        "put" | "reput" => Command::Put(transfer(name, options("afPpRr")?)?),
        "lcd" => Command::Lcd(options("")?.path()),
        "ln" => {
            let options = options("s")?;
            let (to, path) = options.two_paths()?;
            let symbolic = options.has('s');
            Command::Link { symbolic, to, path }
        }
        "symlink" => {
            let (to, path) = options("")?.two_paths()?;
            let symbolic = true;
            Command::Link { symbolic, to, path }
        }
        "lls" => Command::Lls(rest.trim_ascii().to_vec()),
        "lmkdir" => Command::Lmkdir(options("")?.one_path()?.name()),
        "ls" => {
            let options = options("1Safhlnrt")?;
            Command::Ls(listing(&options.given), options.words.first().cloned())
        }
        "lumask" => Command::Lumask(options("")?.number(8)?),
        "mkdir" => Command::Mkdir(options("")?.one_path()?.name()),
        "rename" => {
            let options = options("l")?;
            let (from, to) = options.two_paths()?;
            let old = options.has('l');
            Command::Rename { from, to, old }
        }
        "rm" => Command::Remove(options("")?.one_path()?),
        "rmdir" => Command::Rmdir(options("")?.one_path()?.name()),
        "stat" => Command::Stat(options("")?.one_path()?),
        other => without_words(other, options("")?),
    })
}

fn without_words(name: &'static str, _: Options) -> Command {
    match name {
        "lpwd" => Command::Lpwd,
        "progress" => Command::Progress,
        "pwd" => Command::Pwd,
        "quit" => Command::Quit,
        "version" => Command::Version,
        _ => Command::Help,
    }
}

fn change(
    name: &'static str,
    base: u32,
    options: Options,
    change: impl Fn(u32) -> Change,
) -> Result<Command, Malformed> {
    let what = change(options.number(base)?);
    let paths = options.words.get(1).ok_or(Malformed::NoPath(name))?;
    Ok(Command::Change {
        what,
        link: options.has('h'),
        paths: paths.clone(),
    })
}

fn transfer(name: &'static str, options: Options) -> Result<Transfer, Malformed> {
    Ok(Transfer {
        how: How {
            resume: name.starts_with("re") || options.has('a'),
            sync: options.has('f'),
            preserve: options.has('p') || options.has('P'),
            recursive: options.has('r') || options.has('R'),
        },
        from: options.one_path()?,
        to: options.words.get(1).map(Word::name),
    })
}

/// The last of two that contradict each other wins.
fn listing(given: &[char]) -> Listing {
    let mut listing = Listing::default();
    for option in given {
        match option {
            '1' => listing.view = View::OneColumn,
            'l' if listing.view != View::Numeric => listing.view = View::Long,
            'n' => listing.view = View::Numeric,
            'S' => listing.order = Order::Size,
            't' => listing.order = Order::Time,
            'f' => listing.order = Order::AsSent,
            'r' => listing.reverse = true,
            'a' => listing.all = true,
            'h' => listing.human = true,
            _ => {}
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word {
        Word(text.as_bytes().to_vec())
    }

    fn transfer(how: &str, from: &str, to: Option<&str>) -> Transfer {
        Transfer {
            how: How {
                resume: how.contains('a'),
                sync: how.contains('f'),
                preserve: how.contains('p'),
                recursive: how.contains('r'),
            },
            from: word(from),
            to: to.map(|to| to.as_bytes().to_vec()),
        }
    }

    fn ls(view: View, order: Order, flags: &str, path: Option<&str>) -> Command {
        let listing = Listing {
            view,
            order,
            reverse: flags.contains('r'),
            all: flags.contains('a'),
            human: flags.contains('h'),
        };
        Command::Ls(listing, path.map(word))
    }

    #[test]
    fn lines() {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let change = |what, link, path| Command::Change {
            what,
            link,
            paths: word(path),
        };
        let link = |symbolic| Command::Link {
            symbolic,
            to: bytes("a"),
            path: bytes("b"),
        };
        let rename = |old| Command::Rename {
            from: bytes("a*"),
            to: bytes("b"),
            old,
        };
        let df = |human, inodes, path: Option<&str>| Command::Df {
            human,
            inodes,
            path: path.map(bytes),
        };
        for (line, expected) in [
            ("bye", Command::Quit),
            ("EXIT", Command::Quit),
            ("quit now", Command::Quit),
            ("cd", Command::Cd(None)),
            (r"chdir a\*", Command::Cd(Some(bytes("a*")))),
            ("lcd 'a b'", Command::Lcd(Some(bytes("a b")))),
            ("chmod 0755 *.c", change(Change::Mode(0o755), false, "*.c")),
            ("chmod -h 7 a", change(Change::Mode(7), true, "a")),
            ("chown 1000 a", change(Change::Owner(1000), false, "a")),
            ("chgrp -h 010 a", change(Change::Group(10), true, "a")),
            ("cp a b", Command::Copy(bytes("a"), bytes("b"))),
            ("copy a b c", Command::Copy(bytes("a"), bytes("b"))),
            ("df", df(false, false, None)),
            ("df -hi /", df(true, true, Some("/"))),
            ("get a", Command::Get(transfer("", "a", None))),
            (
                "get -afpr a b",
                Command::Get(transfer("afpr", "a", Some("b"))),
            ),
            (
                "get -P -R a* b*",
                Command::Get(transfer("pr", "a*", Some("b*"))),
            ),
            ("mget a b c", Command::Get(transfer("", "a", Some("b")))),
            ("reget a", Command::Get(transfer("a", "a", None))),
            ("get -- -a", Command::Get(transfer("", "-a", None))),
            ("get a -r", Command::Get(transfer("", "a", Some("-r")))),
            ("put -r a", Command::Put(transfer("r", "a", None))),
            ("mput *", Command::Put(transfer("", "*", None))),
            ("reput -f a b", Command::Put(transfer("af", "a", Some("b")))),
            ("?", Command::Help),
            ("ln a b", link(false)),
            ("ln -s a b", link(true)),
            ("symlink a b", link(true)),
            ("lls", Command::Lls(bytes(""))),
            ("lls -l  'a b' # c", Command::Lls(bytes("-l  'a b' # c"))),
            ("lmkdir a", Command::Lmkdir(bytes("a"))),
            ("lpwd", Command::Lpwd),
            ("ls", ls(View::Columns, Order::Name, "", None)),
            ("dir *", ls(View::Columns, Order::Name, "", Some("*"))),
            ("ls -l1 a", ls(View::OneColumn, Order::Name, "", Some("a"))),
            ("ls -1n", ls(View::Numeric, Order::Name, "", None)),
            ("ls -nl", ls(View::Numeric, Order::Name, "", None)),
            ("ls -alhtr", ls(View::Long, Order::Time, "ahr", None)),
            ("ls -tS -f", ls(View::Columns, Order::AsSent, "", None)),
            ("ls -fS", ls(View::Columns, Order::Size, "", None)),
            ("lumask 022", Command::Lumask(0o22)),
            ("mkdir a", Command::Mkdir(bytes("a"))),
            ("progress", Command::Progress),
            ("pwd", Command::Pwd),
            ("rm a*", Command::Remove(word("a*"))),
            ("rmdir 'a*'", Command::Rmdir(bytes("a*"))),
            ("rename a* b", rename(false)),
            ("rename -l a* b", rename(true)),
            ("stat a", Command::Stat(word("a"))),
            ("version", Command::Version),
            ("!", Command::Shell(bytes(""))),
            ("! echo 'hi", Command::Shell(bytes("echo 'hi"))),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(Some(expected)), "{line}");
        }
        for line in ["", "# a comment", "#"] {
            assert_eq!(parse(line.as_bytes()), Ok(None), "{line}");
        }
    }

    #[test]
    fn what_is_no_command() {
        for (line, expected) in [
            ("ge a", "`ge` is no command"),
            ("get", "get needs a path"),
            ("get -x a", "get has no option -x"),
            ("ls -R", "ls has no option -R"),
            ("pwd -x", "pwd has no option -x"),
            ("rename a", "rename needs two paths"),
            ("cp a", "cp needs two paths"),
            ("chmod", "chmod needs an octal number first"),
            ("chmod 888 a", "chmod needs an octal number first"),
            ("chmod u+x a", "chmod needs an octal number first"),
            ("chmod 755", "chmod needs a path"),
            ("chown -1 a", "chown has no option -1"),
            ("chown root a", "chown needs a number first"),
            ("lumask 999", "lumask needs an octal number first"),
            ("get 'a", "a quote is not closed"),
        ] {
            let said = parse(line.as_bytes()).unwrap_err().to_string();
            assert_eq!(said, expected, "{line}");
        }
    }

    #[test]
    fn prefixes() {
        for (line, may_fail, silent, rest) in [
            ("ls", false, false, "ls"),
            ("-ls -l", true, false, "ls -l"),
            ("  -@ ls", true, true, "ls"),
            ("@-ls ", true, true, "ls"),
            ("-", true, false, ""),
            ("", false, false, ""),
        ] {
            let (prefix, found) = prefix(line.as_bytes());
            assert_eq!(prefix, Prefix { may_fail, silent }, "{line}");
            assert_eq!(found, rest.as_bytes(), "{line}");
        }
    }

    #[test]
    fn names_are_in_order() {
        assert!(NAMES.is_sorted());
    }
}
