use std::time::Duration;

use crate::{Fault, Fleet};

/// What kind of region to start; the default is the built-in fleet, no delay, no fault.
///
/// ```
/// use std::time::Duration;
/// use eic_sandbox::{Config, Fault};
///
/// let config = Config::default()
///     .rtt(Duration::from_millis(80))
///     .fault(Fault::Throttle(2));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Config {
    pub(crate) fleet: Option<Fleet>,
    pub(crate) rtt: Duration,
    pub(crate) sshd: bool,
    pub(crate) faults: Vec<Fault>,
    pub(crate) key_life: Duration,
    pub(crate) authorized_keys: Vec<String>,
    pub(crate) sshd_options: Vec<String>,
    pub(crate) one_time_code: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fleet: None,
            rtt: Duration::ZERO,
            sshd: false,
            faults: Vec::new(),
            key_life: Duration::from_secs(60),
            authorized_keys: Vec::new(),
            sshd_options: Vec::new(),
            one_time_code: None,
        }
    }
}

impl Config {
    /// Takes this fleet in place of the built-in one.
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.fleet = Some(fleet);
        self
    }

    /// Sets the round-trip time of every connection to the region: half of it passes each way.
    pub fn rtt(mut self, rtt: Duration) -> Self {
        self.rtt = rtt;
        self
    }

    /// Chooses the machine's real `sshd` for the instances' SSH hosts, in place of the built-in
    /// server. Then only users of this machine can log in, and an unprivileged region serves
    /// only the user that runs it.
    pub fn sshd(mut self, sshd: bool) -> Self {
        self.sshd = sshd;
        self
    }

    /// Adds a fault.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Sets how long a pushed key lives, 60 s unless set, as at AWS.
    pub fn key_life(mut self, life: Duration) -> Self {
        self.key_life = life;
        self
    }

    /// Admits a public key, a line in OpenSSH's format, to every user of every instance, as
    /// if it had been there from the launch: for logins without a push.
    pub fn authorized_key(mut self, line: impl Into<String>) -> Self {
        self.authorized_keys.push(line.into());
        self
    }

    /// Adds a line of sshd_config(5) to the real servers' configuration, before all others, so that it counts. The
    /// files that it names are read at each connection.
    pub fn sshd_option(mut self, line: impl Into<String>) -> Self {
        self.sshd_options.push(line.into());
        self
    }

    /// Lets the built-in SSH hosts ask for this code after the key, as hosts with a second factor do (RFC 4256).
    pub fn one_time_code(mut self, code: impl Into<String>) -> Self {
        self.one_time_code = Some(code.into());
        self
    }
}
