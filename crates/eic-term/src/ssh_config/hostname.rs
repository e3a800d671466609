//! The one name that a host has (ssh_config(5), `CanonicalizeHostname`).

use super::address::{canonical, looks_numeric};
use super::keyword::Key;
use super::log::{Fatal, Log};
use super::settings::Settings;
use super::system::System;

/// Whether names are to be completed.
pub(super) fn is_canonicalized(settings: &Settings) -> bool {
    let wanted = settings.text(Key::CanonicalizeHostname);
    wanted.is_some_and(|word| word != "false")
}

/// Names in lower case and, where that is wanted, completed by a domain; addresses in their usual form. Aliases in
/// DNS (`CanonicalizePermittedCNAMEs`) are not followed.
///
/// # Errors
/// Where a name is in no domain, and the system is not to be asked for it.
pub(super) fn canonicalize(
    host: String,
    settings: &Settings,
    system: &dyn System,
    log: &mut Log,
) -> Result<String, Fatal> {
    // Where no such addresses are wanted, it is none.
    let is_wanted = |address: &String| match settings.text(Key::AddressFamily) {
        Some("inet") => !address.contains(':'),
        Some("inet6") => address.contains(':'),
        _ => true,
    };
    if let Some(address) = canonical(&host).filter(is_wanted) {
        return Ok(address);
    }
    if looks_numeric(&host) {
        return Ok(host);
    }
    let host = host.to_ascii_lowercase();
    if !is_canonicalized(settings) || !is_asked_directly(settings) {
        return Ok(host);
    }
    let most = settings.number(Key::CanonicalizeMaxDots).unwrap_or(1);
    let dots = host.matches('.').count();
    let anchored = host.strip_suffix('.').map(str::to_owned);
    if anchored.is_none() && i64::try_from(dots).is_ok_and(|dots| dots > most) {
        return Ok(host);
    }
    let domains = settings.list(Key::CanonicalDomains).iter();
    let names: Vec<String> = match anchored {
        Some(name) => vec![name],
        None => domains.map(|domain| format!("{host}.{domain}")).collect(),
    };
    let found = |name: &String| system.resolves(&format!("{name}."));
    match names.into_iter().find(found) {
        Some(name) => Ok(name),
        None if settings.is(Key::CanonicalizeFallbackLocal, "no") => {
            Err(log.fatal(format!("ssh: Could not resolve host \"{host}\"")))
        }
        None => Ok(host),
    }
}

/// A name that a proxy looks up is left to it, unless `always` is said.
fn is_asked_directly(settings: &Settings) -> bool {
    let command = settings.text(Key::ProxyCommand);
    let command = command.is_some_and(|text| !text.eq_ignore_ascii_case("none"));
    let proxied = command || settings.has(Key::ProxyJump);
    !proxied || settings.is(Key::CanonicalizeHostname, "always")
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::super::value::Value;
    use super::*;

    #[test]
    fn names() {
        let mut settings = Settings::default();
        let check = |settings: &Settings, host: &str| {
            let mut log = Log::default();
            canonicalize(host.to_owned(), settings, &Fake::default(), &mut log)
        };
        assert_eq!(check(&settings, "Web").unwrap(), "web");
        assert_eq!(check(&settings, "127.1").unwrap(), "127.0.0.1");
        assert_eq!(check(&settings, "FE80::1%Lo").unwrap(), "fe80::1%Lo");
        settings.put_word(Key::CanonicalizeHostname, "true");
        let domains = ["nowhere.org", "example.com"].map(str::to_owned);
        settings.put(Key::CanonicalDomains, Value::List(domains.to_vec()));
        assert_eq!(check(&settings, "Web").unwrap(), "web.example.com");
        assert_eq!(
            check(&settings, "web.example.com.").unwrap(),
            "web.example.com"
        );
        assert_eq!(check(&settings, "a.b.c").unwrap(), "a.b.c");
        settings.put(Key::ProxyJump, Value::Hops(Vec::new()));
        assert_eq!(check(&settings, "web").unwrap(), "web");
    }
}
