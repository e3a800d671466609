//! Keys that an agent gives for some hosts only (`ssh-add -h`).

use super::*;

#[test]
fn a_restricted_key_is_good_where_it_should_be() {
    if crate::support::left_out_under_wine("it has no Unix sockets") {
        return;
    }
    let Some(place) = Place::new(&["sshd", "ssh-keygen", "ssh-agent", "ssh-add"]) else {
        return;
    };
    let (_agent, socket) = agent(&place);
    let web = place.sandbox.region.instance("web-1").unwrap();
    let host = format!("[{}]:{}", web.public_ip.unwrap(), web.port.unwrap());
    let add = |constraints: &[&str]| {
        let mut command = Command::new("ssh-add");
        command.args(["-q", "-H", &place.text("known")]);
        let constraints = constraints.iter().flat_map(|one| ["-h", one]);
        command.args(constraints).arg(place.text("key"));
        let added = run(command.env("SSH_AUTH_SOCK", &socket));
        assert_eq!(added.code, Some(0), "{}", added.stderr);
    };
    let log_in = |options: &[&str], command: &str| {
        run(place
            .command(options, command)
            .env("SSH_AUTH_SOCK", &socket))
    };
    let onward = onward(&place);
    // From the host it is not good for another one, the same one included.
    add(&[&host]);
    std::fs::rename(place.text("key"), place.text("elsewhere")).unwrap();
    let here = log_in(&["-A"], &onward);
    assert_eq!(here.code, Some(255), "{}", here.stderr);
    assert!(!here.text().contains("twice"), "{}", here.stderr);
    std::fs::rename(place.text("elsewhere"), place.text("key")).unwrap();
    add(&[&host, &format!("{host}>{host}")]);
    std::fs::remove_file(place.text("key")).unwrap();
    let there = log_in(&["-A"], &onward);
    assert_eq!(there.code, Some(0), "{}", there.stderr);
    assert_eq!(there.text(), "twice\n");
    // The agent there wants a signature that names the host.
    let unbound = onward.replace(" -p", " -oPubkeyAuthentication=unbound -p");
    let refused = log_in(&["-A"], &unbound);
    assert_eq!(refused.code, Some(255), "{}", refused.stderr);
}

/// A real ssh-agent, and where it listens.
pub(super) fn agent(place: &Place) -> (Ended, String) {
    let socket = place.text("agent");
    let mut agent = Command::new("ssh-agent");
    agent.args(["-D", "-a", &socket]).stdout(Stdio::piped());
    let mut agent = Ended(agent.spawn().unwrap());
    // It says where it is when it is there.
    let mut said = String::new();
    let out = agent.0.stdout.as_mut().unwrap();
    BufReader::new(out).read_line(&mut said).unwrap();
    (agent, socket)
}

/// The command line that goes on from the host to itself.
fn onward(place: &Place) -> String {
    let command = place.command(&["-Fnone", "-oBatchMode=yes"], "echo twice");
    let words = command.get_args().map(|word| word.to_str().unwrap());
    let words: Vec<_> = words.map(|word| format!("'{word}'")).collect();
    let program = command.get_program().to_str().unwrap();
    let words = words.join(" ").replace("'-p'", "-p");
    let words = words.replace(&place.text("key"), &place.text("key.pub"));
    format!("'{program}' {words}")
}
