//! The same batches as OpenSSH's, on the same server.

use std::process::Command;

use super::place::Place;
use super::support::{Outcome, Sandbox, left_out_under_wine, run, run_with_input};

/// Every command, so that what it shows does not depend on the time.
const EVERY_COMMAND: &str = "\
# a comment

pwd
  version
ls
ls -1
ls -1r
ls -r
ls -t
ls -1S
ls -f
ls -a
ls -h
ls -l
ls -lr
ls -lht
ls -l old/link
ls old/link
ls old/*
ls */*
dir
dir -1 old
-ls -d
ls -l a.txt old
ls -la old/deep
ls -lh
ls -lS
ls -ltr
ls -f1
ls old
ls -a1 old
ls *.txt
ls {a,b}*
ls 'with space'
ls \"g*b\" g\\*b
@ls -1 old
-ls none
- ls [
cd old
ls -1
ls -1 ..
cd ..
cd old/..
chdir old
cd ..
mkdir new
-mkdir new
lmkdir ../local/made
lcd ../local
lpwd
!echo out of the shell
! echo \"and 'again'\"
lls
lls -a made
lchdir made
lcd ..
get ../remote/a.txt
get ../remote/a.txt b.txt
get ../remote/*.txt made
get -p ../remote/old/deep/c
get -r ../remote/old
get -R ../remote/old again
get -f 'with space'
get -a ../remote/big begun
get -a ../remote/big begun
get -P ../remote/read-only kept
get ../remote/read-only
get -pR ../remote/old third
get -r ../remote/two
mget ../remote/*.txt made
-get ../remote/old
-get ../remote/none
get \"g*b\"
put b.txt
put b.txt new
put *.txt new
put -p sent 'new/sent here'
put -fr tree
put -r tree new/tree2
put -R tree new/tree3
put -pr tree new/tree4
put -P program new
put locked new
put program new/program2
put part new/part
-put -a part new/part
put ../remote/a.txt new/part2
-put tree new/tree5
mput *.txt new
reget ../remote/big
reput part big2
reput -fp part new/part2
reget -fp ../remote/big big3
lcd
cd new
rename b.txt c.txt
rename -l c.txt d.txt
-rename -l d.txt a.txt
ln d.txt hard
ln -s d.txt soft
symlink none dangling
cp d.txt copied
chmod 640 d.txt
chmod 0700 *.txt
-chmod -h 640 soft
chown -h 0 soft
chgrp -h 0 soft
copy d.txt copied2
-cp none copied3
-rmdir tree2
-rm tree2
-ln none hard2
-rename none d.txt
-chmod 640 none
chown 0 d.txt
chgrp 0 hard
rm hard
rm *.txt
-rm none
-rmdir none
mkdir empty
rmdir empty
progress
progress
lumask 027
df -i none
";

/// Starts of lines that are another matter on Windows: names that it cannot hold, its own paths, shell and listings.
const NOT_ON_WINDOWS: &[&str] = &["get \"g", "lpwd", "lls", "lumask", "!", "! "];

/// The lines of a batch that mean the same here as for OpenSSH's program.
fn on_this_system(batch: &str) -> String {
    let other = |line: &&str| NOT_ON_WINDOWS.iter().any(|start| line.starts_with(start));
    let lines = batch.split_inclusive('\n');
    let all = !left_out_under_wine("a batch's lines about Windows's own paths and shell");
    lines.filter(|line| all || !other(line)).collect()
}

/// Small batches, and how OpenSSH's ends is how ours does.
const ENDS: &[&str] = &[
    "",
    "pwd\n",
    "pwd",
    "nonsense\npwd\n",
    "-nonsense\npwd\n",
    "cd /none\npwd\n",
    "-cd /none\npwd\n",
    "@-cd /none\n@pwd\n",
    "lcd /none\npwd\n",
    "get /none\n",
    "put /none\n",
    "ls /none\n",
    "rm /none\n",
    "chmod 9 /\n",
    "get 'unclosed\n",
    "get\n",
    "ls -x\n",
    "quit\nnonsense\n",
    "!exit 3\npwd\n",
    "lls /none\npwd\n",
];

#[test]
fn a_batch_of_every_command_does_what_openssh_does() {
    let Some(place) = Place::new() else {
        return;
    };
    let every = on_this_system(EVERY_COMMAND);
    let theirs = place.batch(&mut place.theirs(), &every);
    let expected = place.state();
    // The last line fails in any case.
    assert_eq!(theirs.code, Some(1), "{}", theirs.stderr);
    assert!(
        theirs.text().ends_with("sftp> df -i none\n"),
        "{}\n{}",
        theirs.text(),
        theirs.stderr
    );
    let check = |ours: Outcome, how: &str| {
        assert_eq!(ours.text(), theirs.text(), "{how}: {}", ours.stderr);
        assert_eq!(ours.code, theirs.code, "{how}");
        assert_eq!(place.state(), expected, "{how}");
    };
    check(place.batch(&mut place.ours(), &every), "-D");
    let Some(sandbox) = Sandbox::with_sshd() else {
        return;
    };
    for route in sandbox.routes() {
        // A port has another letter here.
        let route: Vec<_> = route.iter().map(|word| word.replace("-p", "-P")).collect();
        let mut command = sandbox.eic_term(["sftp", "-b", "-"]);
        command.args(&route);
        check(place.batch(&mut command, &every), &route.join(" "));
    }
    let mut command = sandbox.command(&place.ours);
    command.args(["-b", "-", "web-1"]);
    check(place.batch(&mut command, &every), "under the name sftp");
}

#[test]
fn batches_end_as_those_of_openssh_do() {
    let Some(place) = Place::new() else {
        return;
    };
    for batch in ENDS {
        let theirs = place.batch(&mut place.theirs(), batch);
        let ours = place.batch(&mut place.ours(), batch);
        let about = format!("{batch:?}: {}\n{}", theirs.stderr, ours.stderr);
        assert_eq!(
            (ours.code, ours.text()),
            (theirs.code, theirs.text()),
            "{about}"
        );
    }
    for arguments in [
        &[][..],
        &["-Z"],
        &["-b", "/none", "-D", &place.server],
        &["-P", "x", "web"],
    ] {
        let theirs = run(Command::new("sftp").args(arguments.iter()));
        let ours = run(Command::new(&place.ours).args(arguments.iter()));
        assert_eq!(ours.code, theirs.code, "{arguments:?}: {}", ours.stderr);
    }
    // Without -b, what fails ends nothing.
    let mut command = Command::new(&place.ours);
    let outcome = run_with_input(
        command.args(["-D", &place.our_server]),
        b"cd /none\nnonsense\npwd\n",
    );
    assert_eq!(outcome.code, Some(0));
    assert!(
        outcome.text().contains("Remote working directory: "),
        "{}",
        outcome.text()
    );
}

/// What a listing looks like, whatever its numbers are.
fn shape(text: &str) -> String {
    let words = text.split([' ', '\n']).filter(|word| !word.is_empty());
    let words = words.map(|word| {
        let number = word.trim_end_matches(['B', 'K', 'M', 'G', 'T', 'P', '%']);
        if number.parse::<f64>().is_ok() {
            "N"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn how_full_a_disk_is_and_help_look_as_openssh_shows_them() {
    let Some(place) = Place::new() else {
        return;
    };
    let batch = "df\ndf -h\ndf -i\ndf -hi /\ndf old\n";
    let theirs = place.batch(&mut place.theirs(), batch);
    let ours = place.batch(&mut place.ours(), batch);
    assert_eq!(shape(&ours.text()), shape(&theirs.text()));
    assert_eq!((ours.code, theirs.code), (Some(0), Some(0)));
    // Every command that theirs knows is explained.
    let theirs = place.batch(&mut place.theirs(), "help\n?\n");
    let ours = place.batch(&mut place.ours(), "help\n?\n");
    let text = ours.text();
    let known: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let lines = theirs.text();
    let lines = lines
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    for line in lines.filter(|line| !line.starts_with("sftp>")) {
        let command = line.split(' ').next().unwrap();
        assert!(known.contains(&command), "{command}: {text}");
    }
    assert_eq!(ours.code, Some(0));
}
