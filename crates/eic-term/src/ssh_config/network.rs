//! Lists of networks, as `Match localnetwork` compares with them.

use std::net::IpAddr;

/// A network: an address and how many of its bits are the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    bits: u128,
    is_v6: bool,
    prefix: u32,
}

impl Network {
    /// Reads networks between commas, `10.0.0.0/8` or a single address.
    ///
    /// # Errors
    /// What is wrong, in OpenSSH's words.
    pub(super) fn list(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(Self::parse).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("Invalid network entry \"{text}\"");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let (bits, is_v6) = bits(address);
        let most = if is_v6 { 128 } else { 32 };
        let prefix = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| invalid()))?;
        let network = Self {
            bits,
            is_v6,
            prefix,
        };
        // The bits that are not the network's have to be 0.
        match prefix <= most && network.of(bits) == bits {
            true => Ok(network),
            false => Err(format!("Inconsistent mask length for network \"{text}\"")),
        }
    }

    /// Whether an address is in it.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let (bits, is_v6) = bits(address);
        is_v6 == self.is_v6 && self.of(bits) == self.bits
    }

    /// The network's part of an address.
    fn of(&self, bits: u128) -> u128 {
        let width = if self.is_v6 { 128 } else { 32 };
        let host = width - self.prefix.min(width);
        let kept = bits.checked_shr(host).unwrap_or(0);
        kept.checked_shl(host).unwrap_or(0)
    }
}

fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), false),
        IpAddr::V6(address) => (address.to_bits(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (list, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("192.168.0.0/16,10.0.0.1", "10.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::/0", "1.2.3.4", false),
            ("::/0", "fe80::1", true),
            ("fe80::/10", "fe80::1", true),
        ] {
            let networks = Network::list(list).unwrap();
            let address = address.parse().unwrap();
            let found = networks.iter().any(|one| one.contains(address));
            assert_eq!(found, expected, "{list} {address}");
        }
        for list in ["", "x", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/x", "10.*"] {
            assert!(Network::list(list).is_err(), "{list}");
        }
    }
}
