//! Names become addresses, and addresses of private networks are left out, at the moment of connecting: a name that
//! points to a public address when it is checked and to a private one when it is called (DNS rebinding) gains nothing.
//! Given to reqwest by the client that allows no private addresses.

use crate::domain::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};

/// A name or an address that leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error("{address} is an address of a private network")]
pub(super) struct PrivateAddress {
    /// The address, the first of them.
    pub address: IpAddr,
}

/// A name without any address.
#[derive(Debug, thiserror::Error)]
#[error("no address is known for that name")]
pub(super) struct NoAddress;

/// The system's resolver, with or without the addresses of private networks.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemResolver {
    /// Whether addresses of private networks are given.
    pub allow_private: bool,
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let addresses = permitted(found, allow_private)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be called.
fn permitted(
    found: Vec<SocketAddr>,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let Some(first) = found.first().copied() else {
        return Err(Box::new(NoAddress));
    };
    if allow_private {
        return Ok(found);
    }
    let public: Vec<SocketAddr> = found.into_iter().filter(|address| is_public(address.ip())).collect();
    if public.is_empty() {
        return Err(Box::new(PrivateAddress { address: first.ip() }));
    }
    Ok(public)
}

#[cfg(test)]
mod tests {
    use super::permitted;
    use std::net::SocketAddr;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn of_a_mixed_answer_only_the_public_addresses_remain() {
        let found = addresses(&["10.0.0.1:0", "1.1.1.1:0", "[::1]:0"]);
        assert_eq!(permitted(found, false).unwrap(), addresses(&["1.1.1.1:0"]));
    }

    #[test]
    fn a_name_with_private_addresses_only_is_refused_unless_allowed() {
        let found = addresses(&["10.0.0.1:0", "[::1]:0"]);
        let refused = permitted(found.clone(), false).unwrap_err();
        assert_eq!(refused.to_string(), "10.0.0.1 is an address of a private network");
        assert_eq!(permitted(found.clone(), true).unwrap(), found);
    }

    #[test]
    fn a_name_without_addresses_is_an_error() {
        assert!(permitted(Vec::new(), true).is_err());
    }
}
