//! Which names a folder here can hold: those of a listing come from a server, and may be made up.

use std::ffi::OsString;

/// What a name's letters mean to a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    Unix,
    Windows,
}

/// The platform that this runs on.
pub(super) const HERE: Platform = if cfg!(windows) {
    Platform::Windows
} else {
    Platform::Unix
};

/// Why a name cannot be a file's here.
pub(super) type Unfit = &'static str;

/// The longest name, in bytes; no common file system holds longer ones.
const LONGEST: usize = 255;

/// Names of devices on Windows, in every folder and with any extension
/// (<https://learn.microsoft.com/windows/win32/fileio/naming-a-file>).
const DEVICES: [&str; 24] = [
    "con", "prn", "aux", "nul", "conin$", "conout$", "com1", "com2", "com3", "com4", "com5",
    "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8",
    "lpt9",
];

/// Judges a single name that is to be made in a folder on this platform.
pub(super) fn judge(name: &[u8], platform: Platform) -> Result<(), Unfit> {
    match name {
        b"" => return Err("the name is empty"),
        b"." | b".." => return Err("the name leads out of the folder"),
        _ if name.contains(&b'/') => return Err("the name has a slash in it"),
        _ if name.contains(&0) => return Err("the name has a NUL in it"),
        _ if name.len() > LONGEST => return Err("the name is too long"),
        _ => {}
    }
    match platform {
        Platform::Unix => Ok(()),
        Platform::Windows => judge_for_windows(name),
    }
}

fn judge_for_windows(name: &[u8]) -> Result<(), Unfit> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Err("the name is no UTF-8, which Windows cannot hold");
    };
    let forbidden = |c: char| c.is_control() || r#"<>:"\|?*"#.contains(c);
    if name.contains(forbidden) {
        return Err("Windows allows no such character in a name");
    }
    if name.ends_with([' ', '.']) {
        return Err("Windows allows no name that ends with a space or a dot");
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    // The superscript digits count as digits there.
    let stem = stem.to_lowercase().replace(['¹', '²', '³'], "1");
    if DEVICES.contains(&stem.as_str()) {
        return Err("the name is a device's on Windows");
    }
    Ok(())
}

/// Makes a name from a server one of this machine.
pub(super) fn local(name: &[u8]) -> Result<OsString, Unfit> {
    judge(name, HERE)?;
    super::local::name_of(name).ok_or("the name cannot be held here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_or_do_not_fit() {
        let long = vec![b'x'; LONGEST + 1];
        let table: &[(&[u8], bool, bool)] = &[
            (b"plain.txt", true, true),
            (b".hidden", true, true),
            ("é 日本".as_bytes(), true, true),
            (b"", false, false),
            (b".", false, false),
            (b"..", false, false),
            (b"...", true, false),
            (b"a/b", false, false),
            (b"/etc/passwd", false, false),
            (b"../x", false, false),
            (b"a\0b", false, false),
            (&long, false, false),
            (b"odd \xff", true, false),
            (b"new\nline\x1b[2J", true, false),
            (b"..\\x", true, false),
            (b"C:x", true, false),
            (b"file:stream", true, false),
            (b"ends.", true, false),
            (b"ends ", true, false),
            (b"NUL", true, false),
            (b"con.txt", true, false),
            (b"aux .c", true, false),
            ("com¹.log".as_bytes(), true, false),
            (b"console", true, true),
            (b"a*", true, false),
        ];
        for (name, unix, windows) in table {
            let shown = String::from_utf8_lossy(name);
            assert_eq!(judge(name, Platform::Unix).is_ok(), *unix, "{shown}");
            assert_eq!(judge(name, Platform::Windows).is_ok(), *windows, "{shown}");
        }
    }
}
