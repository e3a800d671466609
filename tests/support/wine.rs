//! The Windows binary, run by Wine: `EIC_TERM_BIN` names an `.exe`.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian has the 64-bit loader; `wine` there asks for 32-bit parts.
const LOADER: &str = "/usr/lib/wine/wine64";

/// The `.exe` under test, if it is one.
pub(crate) fn program() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("EIC_TERM_BIN")?);
    (path.extension()? == "exe").then_some(path)
}

/// A script that runs a Windows program as if it were one of ours; under the name of another beside that, by a link, the other.
///
/// Its registry and drives are in `$WINEPREFIX`, or in the target folder.
pub(crate) fn launcher(program: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("launchers");
    std::fs::create_dir_all(&folder).expect("a folder");
    let launcher = folder.join(program.file_stem().expect("a program"));
    let script = script(program);
    if std::fs::read_to_string(&launcher).ok().as_ref() != Some(&script) {
        write(&launcher, &script);
    }
    launcher
}

fn script(program: &Path) -> String {
    let loader = if Path::new(LOADER).exists() {
        LOADER
    } else {
        "wine64"
    };
    let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine");
    let folder = program.parent().expect("a folder").display();
    [
        "#!/bin/sh".to_owned(),
        format!(
            "export WINEPREFIX=\"${{WINEPREFIX:-{}}}\"",
            prefix.display()
        ),
        // Neither its own messages nor a look for a display.
        "export WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='".to_owned(),
        // Arguments are taken for the locale's text.
        "export LC_ALL=C.UTF-8".to_owned(),
        format!("program='{}'", program.display()),
        format!("called='{folder}'/\"${{0##*/}}.exe\""),
        "[ -e \"$called\" ] && program=$called".to_owned(),
        // Wine's conhost reads keys from the first moment that a program wants some; until then the terminal is its own.
        "[ -t 0 ] && stty -icanon -echo -icrnl -isig".to_owned(),
        format!("[ \"$EVENTS_ASK\" ] && exec {loader} '{folder}/events.exe' \"$program\" \"$@\""),
        format!("[ \"$AT_HOME\" ] && exec {loader} '{folder}/at-home.exe' \"$program\" \"$@\""),
        format!("exec {loader} \"$program\" \"$@\"\n"),
    ]
    .join("\n")
}

/// Writes it under another name first, as a test beside this one may start it at any time.
fn write(launcher: &Path, script: &str) {
    let folder = launcher.parent().expect("a folder");
    let mut file = tempfile::NamedTempFile::new_in(folder).expect("a file");
    file.write_all(script.as_bytes()).expect("it is written");
    let path = file.into_temp_path();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("it may run");
    path.persist(launcher).expect("it is there");
}

/// A port of loopback, at which each connection is a program of this system, by its standard streams.
pub(crate) fn port_of(words: &[&str]) -> u16 {
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    // It ends with the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let output = OwnedFd::from(stream.try_clone().expect("a handle"));
            let mut program = Command::new(&words[0]);
            let program = program.args(&words[1..]).stdin(OwnedFd::from(stream));
            let mut child = program.stdout(output).spawn().expect("it starts");
            std::thread::spawn(move || child.wait());
        }
    });
    port
}
