//! What can be typed of forwards: clap types and nothing else.

use clap::Args;
use eic_auth::Target;

use crate::cli::forward_spec::{DynamicSpec, LocalSpec, RemoteSpec};

#[derive(Debug, Args)]
pub(crate) struct Forward {
    #[command(flatten)]
    pub(crate) forwardings: Forwardings,

    /// The instance to forward to and from
    pub(crate) target: Target,
}

/// Forwarded ports and sockets.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Forwards")]
pub(crate) struct Forwardings {
    /// Local port whose connections come out at the host's side: [ADDR:]PORT:HOST:PORT; a socket's path may stand for
    /// either side, port 0 lets the system choose; may be repeated
    #[arg(short = 'L', value_name = "SPEC")]
    pub(crate) local: Vec<LocalSpec>,

    /// Port on the host whose connections come out here, as with -L; [ADDR:]PORT alone is a SOCKS proxy there
    #[arg(short = 'R', value_name = "SPEC")]
    pub(crate) remote: Vec<RemoteSpec>,

    /// Local SOCKS proxy (4, 4a, 5) whose connections come out at the host's side: [ADDR:]PORT
    #[arg(short = 'D', value_name = "SPEC")]
    pub(crate) dynamic: Vec<DynamicSpec>,

    /// Start nothing where a forward cannot be set up; `forward` never does
    #[arg(long)]
    pub(crate) exit_on_forward_failure: bool,

    /// Replace a local socket that is there already
    #[arg(long)]
    pub(crate) replace_sockets: bool,
}

impl Forwardings {
    /// Whether any is asked for.
    pub(crate) fn is_set(&self) -> bool {
        !(self.local.is_empty() && self.remote.is_empty() && self.dynamic.is_empty())
    }

    /// Adds what stood before the command's name.
    pub(crate) fn or(mut self, before: Self) -> Self {
        self.local.splice(..0, before.local);
        self.remote.splice(..0, before.remote);
        self.dynamic.splice(..0, before.dynamic);
        self.exit_on_forward_failure |= before.exit_on_forward_failure;
        self.replace_sockets |= before.replace_sockets;
        self
    }
}
