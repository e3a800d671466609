//! Wrong input: a clear error and the right exit code, before anything is run.

use super::*;

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_run() {
    let sandbox = Sandbox::with(healthy(2));
    let folder = sandbox.region.folder();
    let path = |name: &str| folder.join(name).display().to_string();
    for (name, text) in [
        ("empty", &b"\n# nobody\n"[..]),
        ("binary", b"\xff\xfe\x00"),
        ("wrong", b"web-00\ni-0\n"),
        ("file", b""),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    let [empty, binary, wrong, file] = ["empty", "binary", "wrong", "file"].map(path);
    let (missing, below, folder) = (path("missing"), path("file/logs"), path(""));
    let two = ["web-00", "web-01"];
    for (options, code, said) in [
        (
            &["--targets-file", &*missing][..],
            255,
            "cannot read the targets in ",
        ),
        (
            &["--targets-file", &folder],
            255,
            "cannot read the targets in ",
        ),
        (&["--targets-file", &binary], 255, "valid UTF-8"),
        (&["--targets-file", &wrong], 255, "wrong, line 2"),
        (
            &["--retry-failed", &folder],
            255,
            "try:   a folder of `--log-dir`",
        ),
        (&["--log-dir", &file], 255, "cannot log into "),
        (&["--log-dir", &below], 255, "cannot log into "),
        (&["--script", &missing], 255, "cannot read the script "),
        (&["--script", &folder], 255, "cannot read the script "),
        (&["--parallel", "0"], 2, "0 is not in 1.."),
        (&["--canary", "0"], 2, "0 is not in 1.."),
        (&["--timeout", "0"], 2, "a number of seconds above 0"),
        (&["--all-in", "web"], 2, "looks like `asg:NAME`"),
        (&["--json", "--output", "raw"], 2, "cannot be used with"),
        (&["--broadcast-stdin", "-n"], 2, "cannot be used with"),
        (&["-t"], 2, "several instances match"),
        (&["-A"], 2, "several instances match"),
        (&["-L", "1:localhost:2"], 2, "several instances match"),
        (
            &["--script", "-", "--targets-file", "-"],
            2,
            "standard input is wanted for several",
        ),
    ] {
        let args = [&["exec"], options, &two, &["--", "echo run"]].concat();
        let outcome = run(&mut sandbox.eic_term(args));
        assert_eq!(outcome.code, Some(code), "{options:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(said),
            "{options:?}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.text(), "", "{options:?}");
    }
    let nobody = run(&mut sandbox.eic_term(["exec", "--targets-file", &empty, "--", "true"]));
    assert!(
        nobody.code == Some(255) && nobody.stderr.contains("it names none"),
        "{}",
        nobody.stderr
    );
    assert_eq!(sandbox.region.calls("SendSSHPublicKey"), 0);
}

#[test]
fn more_than_there_is_and_the_same_twice() {
    let sandbox = Sandbox::with(healthy(2));
    let more = exec(
        &sandbox,
        &["--canary", "99", "--parallel", "999"],
        "web-*",
        "echo up",
    );
    assert_eq!(
        (more.text().lines().count(), more.code),
        (2, Some(0)),
        "{}",
        more.stderr
    );
    let list = sandbox.region.folder().join("targets");
    std::fs::write(&list, format!("web-00\r\nweb-00\nec2-user@{}\n", id(0))).unwrap();
    let list = list.to_str().unwrap();
    let once = run(&mut sandbox.eic_term(["exec", "--targets-file", list, "--", "echo up"]));
    assert_eq!(
        (once.text().as_str(), once.code),
        ("web-00 | up\n", Some(0)),
        "{}",
        once.stderr
    );
    let none = run(&mut sandbox.eic_term(["exec", "--all-in", "asg:none", "--", "true"]));
    assert!(
        none.code == Some(255) && none.stderr.contains("no instance matches"),
        "{}",
        none.stderr
    );
}
