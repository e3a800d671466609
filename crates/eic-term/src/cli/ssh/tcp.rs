//! TCP connections as ssh_config(5) has them: which address, from where, how often, of which service.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use eic_term::ssh_config::{AddressFamily, ResolvedOptions};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::host::limit;
use super::open::Dial;
use super::platform;
use crate::cli::report::Failure;

/// Connects to a host, at the first of its addresses that answers.
pub(super) async fn connect(dial: &Dial<'_>, host: &str) -> Result<TcpStream, Failure> {
    let options = dial.options;
    let what = format!("cannot connect to {host} port {}", options.port);
    let addresses = addresses(options, host).await?;
    let mut failure = Failure::caused(&what, "it has no address of the wanted kind");
    for attempt in 0..options.connection_attempts.max(1) {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for address in &addresses {
            dial.ui.detail(&format!(
                "Connecting to {host} [{}] port {}.",
                address.ip(),
                address.port()
            ));
            let connect = connect_to(*address, options, dial.with_pty);
            match tokio::time::timeout(limit(options), connect).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(source)) => failure = Failure::new(&what, source),
                Err(_) => failure = Failure::caused(&what, "it did not answer in time"),
            }
        }
    }
    Err(failure)
}

/// The addresses of the wanted kind.
async fn addresses(options: &ResolvedOptions, host: &str) -> Result<Vec<SocketAddr>, Failure> {
    let found = lookup_host((host, options.port)).await;
    let found = found.map_err(|source| Failure::new(format!("cannot resolve `{host}`"), source))?;
    let family = options.address_family;
    Ok(found.filter(|one| is_of(one.ip(), family)).collect())
}

/// One address: of the older kind, where it has both.
pub(super) async fn address(options: &ResolvedOptions) -> Result<IpAddr, Failure> {
    let host = options.host_name.as_str();
    let mut all = addresses(options, host).await?;
    all.sort_by_key(SocketAddr::is_ipv6);
    let first = all.first().map(SocketAddr::ip);
    let what = format!("cannot connect to {host}");
    first.ok_or_else(|| Failure::caused(what, "it has no address of the wanted kind"))
}

/// Whether something is said of where to connect from.
pub(super) fn is_bound(options: &ResolvedOptions) -> bool {
    options.bind_address.is_some() || options.bind_interface.is_some()
}

async fn connect_to(
    address: SocketAddr,
    options: &ResolvedOptions,
    with_pty: bool,
) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(ip) = local_address(address.ip(), options).await? {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    socket.set_keepalive(options.tcp_keep_alive)?;
    if let Some(service) = options.type_of_service(with_pty)
        && let Err(error) = platform::set_service(&socket, address.ip(), service)
    {
        // The connection works without.
        tracing::debug!(%error, service, "the type of service is not set");
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The address to connect from, `BindAddress` or the first of `BindInterface`, of the other side's kind.
async fn local_address(to: IpAddr, options: &ResolvedOptions) -> io::Result<Option<IpAddr>> {
    let same = |ip: &IpAddr| ip.is_ipv4() == to.is_ipv4();
    let none = |of: &str| {
        let reason = format!("`{of}` has no address of this machine to connect to {to} from");
        io::Error::new(io::ErrorKind::AddrNotAvailable, reason)
    };
    match (&options.bind_address, &options.bind_interface) {
        (Some(name), _) => {
            let mut found = lookup_host((name.as_str(), 0)).await?.map(|one| one.ip());
            found.find(same).map(Some).ok_or_else(|| none(name))
        }
        (None, Some(name)) => {
            let mut found = platform::addresses_of(name).into_iter();
            found.find(same).map(Some).ok_or_else(|| none(name))
        }
        (None, None) => Ok(None),
    }
}

fn is_of(ip: IpAddr, family: AddressFamily) -> bool {
    match family {
        AddressFamily::Any => true,
        AddressFamily::Inet => ip.is_ipv4(),
        AddressFamily::Inet6 => ip.is_ipv6(),
    }
}
