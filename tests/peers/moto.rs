//! Our client with moto, an emulator of AWS: <https://docs.getmoto.org>. AWS's CLI sets the scene.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::key::Key;
use crate::peers;
use crate::support::{Outcome, binary, find, run};

const START_LIMIT: Duration = Duration::from_secs(60);

/// moto's server, ended when dropped.
struct Moto {
    process: Child,
    url: String,
    /// An empty configuration, so that nobody's own counts.
    folder: TempDir,
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Moto {
    /// Starts it on a port of the system's choosing; `None`, said on a line of its own, where it or the
    /// AWS CLI is missing.
    fn start() -> Option<Self> {
        if !peers(&["moto_server", "aws"]) {
            return None;
        }
        let mut command = Command::new(find("moto_server").unwrap());
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let url = announced_url(process.stderr.take().unwrap());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), "").unwrap();
        Some(Self {
            process,
            url,
            folder,
        })
    }

    /// A program with moto for AWS and no other setting.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_uppercase();
            if text.starts_with("AWS_") || text.ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        let empty = self.folder.path().join("empty");
        for name in [
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
            "EIC_TERM_CONFIG",
        ] {
            command.env(name, &empty);
        }
        command.env("AWS_ENDPOINT_URL", &self.url);
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        command.env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_DEFAULT_REGION", "us-east-1");
        // Its answer to what it does not know is an error that would be tried again.
        command.env("AWS_MAX_ATTEMPTS", "1");
        command.env("EIC_TERM_DATA_DIR", self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Calls EC2 with the AWS CLI.
    fn ec2(&self, args: &[&str]) -> Value {
        let mut aws = self.command(find("aws").unwrap());
        let outcome = run(aws.arg("ec2").args(args).args(["--output", "json"]));
        assert_eq!(outcome.code, Some(0), "{args:?}: {}", outcome.stderr);
        serde_json::from_slice(&outcome.stdout).unwrap()
    }

    /// Starts an instance and tells its id.
    fn run_instance(&self, name: &str, args: &[&str]) -> String {
        let tags = format!(
            "ResourceType=instance,Tags=[{{Key=Name,Value={name}}},{{Key=Role,Value=of-{name}}}]"
        );
        let image = ["run-instances", "--image-id", "ami-12c6146b"];
        let args = [&image[..], &["--tag-specifications", &tags], args].concat();
        let started = self.ec2(&args);
        started["Instances"][0]["InstanceId"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn eic_term(&self, args: &[&str]) -> Outcome {
        run(self.command(binary()).args(args))
    }

    /// Instances as `eic-term list --json` shows them, by name.
    fn list(&self, filter: &[&str]) -> Vec<Value> {
        let outcome = self.eic_term(&[&["list", "--json"], filter].concat());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let mut rows: Vec<Value> = serde_json::from_slice(&outcome.stdout).unwrap();
        rows.sort_by_key(|row| row["name"].to_string());
        rows
    }

    fn names(&self, filter: &str) -> Vec<String> {
        let rows = self.list(&[filter]);
        let names = rows.iter().map(|row| row["name"].as_str().unwrap());
        names.map(ToOwned::to_owned).collect()
    }
}

/// The address that it announces. What it logs later must not fill the pipe, so a thread reads on.
fn announced_url(stderr: ChildStderr) -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("Running on ") {
                sender.send(url.trim().to_owned()).ok();
            }
        }
    });
    receiver.recv_timeout(START_LIMIT).expect("moto starts")
}

#[test]
fn list_shows_what_the_emulator_has() {
    let Some(moto) = Moto::start() else {
        return;
    };
    let web = moto.run_instance("web-1", &[]);
    let private = "DeviceIndex=0,AssociatePublicIpAddress=false";
    let db = moto.run_instance("db-1", &["--network-interfaces", private]);
    let old = moto.run_instance("old-1", &[]);
    let gone = moto.run_instance("web-9", &[]);
    moto.ec2(&["stop-instances", "--instance-ids", &old]);
    moto.ec2(&["terminate-instances", "--instance-ids", &gone]);

    let rows = moto.list(&[]);
    let column = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(
        column("id"),
        [&*db, &*old, &*web],
        "without the terminated one"
    );
    assert_eq!(column("state"), ["running", "stopped", "running"]);
    assert_eq!(
        column("connection_type"),
        ["eice".into(), Value::Null, "direct".into()]
    );
    // moto knows no endpoints, which must not cost us the list.
    let reached = rows[0]["reached"].as_str().unwrap();
    assert!(reached.starts_with("endpoint unknown: "), "{reached}");

    let theirs = moto.ec2(&["describe-instances", "--instance-ids", &web]);
    let theirs = &theirs["Reservations"][0]["Instances"][0];
    let ours = &rows[2];
    assert_eq!(ours["public_ipv4"], theirs["PublicIpAddress"]);
    assert_eq!(ours["private_ipv4"], theirs["PrivateIpAddress"]);
    assert_eq!(
        ours["availability_zone"],
        theirs["Placement"]["AvailabilityZone"]
    );

    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for filter in [
        "web-1".to_owned(),
        "w?b-*".to_owned(),
        "tag:Role=of-web-1".to_owned(),
        web.clone(),
        text(&theirs["PrivateIpAddress"]),
        text(&theirs["PublicIpAddress"]),
        text(&theirs["PrivateDnsName"]),
        text(&theirs["PublicDnsName"]),
    ] {
        assert_eq!(moto.names(&filter), ["web-1"], "{filter}");
    }
    assert_eq!(moto.names("*-1"), ["db-1", "old-1", "web-1"]);
    assert!(moto.names("web-2").is_empty());
}

#[test]
fn a_key_reaches_the_one_instance_that_is_meant() {
    if !peers(&["ssh-keygen"]) {
        return;
    }
    let Some(moto) = Moto::start() else {
        return;
    };
    let (key, web) = (Key::generate(), moto.run_instance("web-1", &[]));
    let twins = [
        moto.run_instance("twin", &[]),
        moto.run_instance("twin", &[]),
    ];
    let file = key.public_file().display().to_string();
    let push = |target: &str| moto.eic_term(&["send-key", target, "--public-key", &file]);
    for target in ["web-1", &web, "tag:Role=of-web-1"] {
        let pushed = push(target);
        assert_eq!(pushed.code, Some(0), "{target}: {}", pushed.stderr);
        assert!(
            format!("{}{}", pushed.text(), pushed.stderr).contains(&web),
            "{pushed:?}"
        );
    }
    let ambiguous = push("twin");
    assert_eq!(ambiguous.code, Some(255));
    assert!(
        twins.iter().all(|id| ambiguous.stderr.contains(id)),
        "{}",
        ambiguous.stderr
    );
    let unknown = push("nobody");
    assert_eq!(unknown.code, Some(255));
    assert!(
        unknown.stderr.contains("no instance matches `nobody`"),
        "{}",
        unknown.stderr
    );
}

/// moto's pages hold 100 reservations.
const MORE_THAN_A_PAGE: &str = "
import boto3
ec2 = boto3.client('ec2')
for _ in range(101):
    ec2.run_instances(ImageId='ami-12c6146b', MinCount=1, MaxCount=1)
";

#[test]
fn a_second_page_is_read() {
    let Some(moto) = Moto::start() else {
        return;
    };
    // The Python that moto runs on has boto3 too.
    let python = find("moto_server").unwrap().with_file_name("python3");
    let made = run(moto.command(python).args(["-c", MORE_THAN_A_PAGE]));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert_eq!(moto.list(&[]).len(), 101);
}
