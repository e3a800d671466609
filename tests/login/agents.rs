//! The ssh-agent: OpenSSH's own, under Wine behind the pipes that Windows' agents have.

use std::io::{self, BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use super::*;

/// The pipe of OpenSSH's agent on Windows.
const OPENSSH_PIPE: &str = r"\\.\pipe\openssh-ssh-agent";

/// Pageant's is named after the user and a hash of its name, which Windows encrypts first and Wine does not.
const PAGEANT_HASH: &str = "2e9e7389b30cd8240bf15518e9a228d6537dc38d64b2070a189ca2fe5452d492";

/// A real ssh-agent, ended when dropped.
struct Agent {
    process: Child,
    socket: String,
}

impl Agent {
    fn start(folder: &Path) -> Self {
        let socket = folder.join("agent").display().to_string();
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a", &socket]).stdout(Stdio::null());
        let process = command.spawn().unwrap();
        let start = Instant::now();
        while !Path::new(&socket).exists() {
            assert!(start.elapsed() < Duration::from_secs(20), "no ssh-agent");
            std::thread::yield_now();
        }
        Self { process, socket }
    }

    /// Says to a program where the agent is; on Windows it looks at the usual places.
    fn told<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if support::under_wine() {
            return command.env_remove("SSH_AUTH_SOCK");
        }
        command.env("SSH_AUTH_SOCK", &self.socket)
    }

    fn add(&self, key: &str) {
        let mut command = Command::new("ssh-add");
        let added = command.arg(key).env("SSH_AUTH_SOCK", &self.socket).output();
        let added = added.unwrap();
        assert!(added.status.success(), "{added:?}");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The agent behind a named pipe, see `windows/agent-pipe.c`; gone when dropped.
struct Pipe(Child);

impl Pipe {
    fn start(name: &str, agent: &Agent) -> Self {
        let port = relay(agent.socket.clone()).to_string();
        let mut command = Command::new(support::beside_the_program("agent-pipe.exe"));
        command.args([name, &port]).stdin(Stdio::null());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "listening");
        Self(process)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A port that leads to a Unix socket, which programs under Wine cannot reach.
fn relay(socket: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let (Ok((client, _)), Ok(agent)) = (listener.accept(), UnixStream::connect(&socket)) {
            std::thread::spawn(move || join(client, agent));
        }
    });
    port
}

fn join(client: TcpStream, agent: UnixStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), agent.try_clone().unwrap());
    std::thread::spawn(move || {
        io::copy(&mut from, &mut to).ok();
        to.shutdown(std::net::Shutdown::Both).ok();
    });
    io::copy(&mut &agent, &mut &client).ok();
    client.shutdown(std::net::Shutdown::Both).ok();
}

#[test]
fn the_agent_signs_and_is_lent_only_when_asked() {
    if !peer("ssh-agent") {
        return;
    }
    let Some((keys, sandbox)) = keys_and_sandbox(&[("key", "ed25519", ""), ("rsa", "rsa", "")])
    else {
        return;
    };
    let agent = Agent::start(keys.0.path());
    let pipe = support::under_wine().then(|| Pipe::start(OPENSSH_PIPE, &agent));
    let exec = |args: &[&str]| {
        let mut command = sandbox.eic_term([&["exec"], args].concat());
        run(agent.told(&mut command))
    };
    let empty = exec(&["--agent", "web-1", "--", "true"]);
    assert!(
        empty.stderr.contains("it holds no keys"),
        "{}",
        empty.stderr
    );
    agent.add(&keys.text("key"));
    agent.add(&keys.text("rsa"));
    std::fs::remove_file(keys.path("key")).unwrap();
    std::fs::remove_file(keys.path("rsa")).unwrap();
    let (key, rsa) = (keys.text("key.pub"), keys.text("rsa.pub"));
    for args in [
        &["--agent", "web-1", "--", "true"][..],
        &["-i", &key, "web-1", "--", "true"],
        &["-i", &rsa, "web-1", "--", "true"],
    ] {
        let outcome = exec(args);
        assert_eq!(outcome.code, Some(0), "{args:?}: {}", outcome.stderr);
    }
    assert_eq!(sandbox.region.calls("SendSSHPublicKey"), 0);
    let lent = exec(&["-A", "web-1", "--", "ssh-add -l"]);
    assert!(
        lent.text().contains("ED25519"),
        "{} {}",
        lent.text(),
        lent.stderr
    );
    let kept = exec(&["web-1", "--", "ssh-add -l"]);
    assert_eq!(kept.code, Some(2), "{}", kept.text());
    if pipe.is_some() {
        drop(pipe);
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let _pageant = Pipe::start(&format!(r"\\.\pipe\pageant.{user}.{PAGEANT_HASH}"), &agent);
        let outcome = exec(&["--agent", "web-1", "--", "true"]);
        assert_eq!(outcome.code, Some(0), "Pageant: {}", outcome.stderr);
    }
    let mut command = sandbox.eic_term(["exec", "--agent", "web-1", "--", "true"]);
    let nobody = run(command.env("SSH_AUTH_SOCK", keys.path("nothing")));
    assert_eq!(nobody.code, Some(255));
    assert!(
        nobody.stderr.contains("cannot use the ssh-agent"),
        "{}",
        nobody.stderr
    );
}
