//! What `ssh -G` prints: every setting, a line each or several.

use super::forward::Forward;
use super::keyword::Key;
use super::kind::Kind;
use super::settings::Settings;
use super::value::Value;

/// All lines, in OpenSSH's order.
pub(super) fn lines(host_argument: &str, settings: &Settings) -> Vec<String> {
    let host = format!("host {host_argument}");
    let settings = settings.iter().flat_map(|(key, value)| setting(key, value));
    std::iter::once(host).chain(settings).collect()
}

fn setting(key: Key, value: &Value) -> Vec<String> {
    let Some(row) = key.row() else {
        return Vec::new();
    };
    let line = |text: &str| format!("{} {text}", row.name);
    match (row.kind, value) {
        (Kind::DynamicForward, Value::Forwards(forwards)) => {
            let listen = |forward: &Forward| line(&forward.listen.to_string());
            forwards.iter().map(listen).collect()
        }
        (_, Value::Forwards(forwards)) => {
            let both = |one: &Forward| line(&format!("{} {}", one.listen, one.connect));
            forwards.iter().map(both).collect()
        }
        (Kind::Files(_) | Kind::SetEnv | Kind::SendEnv, value) => {
            value.list().iter().map(|text| line(text)).collect()
        }
        (_, value) => vec![line(&value.print())],
    }
}
