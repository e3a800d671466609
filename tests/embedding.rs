//! The library's examples, built without default features and run against the sandbox.

#![allow(clippy::restriction, reason = "tests fail by panicking")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use support::{Sandbox, run};

/// Builds an example as an embedder would and returns its path.
fn build(example: &str) -> PathBuf {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(&workspace)
        .args(["build", "--quiet", "--package", "eic-term"]);
    command.args([
        "--no-default-features",
        "--features",
        "ec2",
        "--example",
        example,
    ]);
    let built = run(&mut command);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let profile = PathBuf::from(env!("CARGO_BIN_EXE_eic-term"));
    profile.with_file_name("examples").join(example)
}

#[test]
fn an_embedder_logs_in_and_runs_a_command() {
    let sandbox = Sandbox::start();
    let home = tempfile::tempdir().unwrap();
    let mut command = sandbox.command(build("run_command"));
    let outcome = run(command
        .env("TMPDIR", home.path())
        .args(["db-1", "echo embedded"]));
    assert_eq!(
        outcome.text(),
        "Exited(0): embedded\n\n",
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_embedder_opens_a_tunnel_for_another_protocol() {
    let sandbox = Sandbox::start();
    let outcome = run(sandbox.command(build("tunnel")).arg("db-1"));
    assert!(outcome.text().starts_with("SSH-2.0-"), "{outcome:?}");
}

#[test]
fn examples_import_neither_russh_nor_the_sdks() {
    for example in ["run_command.rs", "tunnel.rs"] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(example);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            !text.contains("russh") && !text.contains("aws_"),
            "{example}"
        );
    }
}
