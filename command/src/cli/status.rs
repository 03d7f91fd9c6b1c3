//! Where the status page listens, as `up`, `render` and `top` are told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusAddress {
    /// Nowhere.
    Off,
    /// Here; port 0 takes a free one.
    At(SocketAddr),
}

impl StatusAddress {
    /// The address; `None`: none is wanted.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

/// Reads an address, or `off`.
///
/// # Errors
/// What is wrong with it, for clap to say.
pub fn parse_address(text: &str) -> Result<StatusAddress, String> {
    if text == "off" {
        return Ok(StatusAddress::Off);
    }
    let address = text.parse().map(StatusAddress::At);
    address.map_err(|_| "wanted is an address such as 127.0.0.1:10001, or `off`".to_owned())
}

/// The usual place: on this machine alone, at the port after the one where clients connect.
pub fn beside(listen: SocketAddr) -> SocketAddr {
    let port = if listen.port() == 0 { 0 } else { listen.port().checked_add(1).unwrap_or(0) };
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// What somebody should know who wants it there.
pub fn note(address: Option<SocketAddr>) -> Option<String> {
    let address = address.filter(|address| !address.ip().is_loopback())?;
    Some(format!(
        "the status page at {address} has no key: whoever reaches it sees the models, the backends' \
         names and their traffic"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_place_is_beside_the_listener_and_on_this_machine() {
        let beside = |listen: &str| beside(listen.parse().expect("an address")).to_string();
        assert_eq!(beside("0.0.0.0:10000"), "127.0.0.1:10001");
        assert_eq!(beside("127.0.0.1:0"), "127.0.0.1:0");
        assert_eq!(beside("127.0.0.1:65535"), "127.0.0.1:0");
    }

    #[test]
    fn who_opens_it_to_others_is_told() {
        let noted = |text: &str| note(parse_address(text).expect("an address").address()).is_some();
        assert!(noted("0.0.0.0:10001") && noted("[::]:0") && noted("10.0.0.7:10001"));
        assert!(!noted("127.0.0.1:10001") && !noted("[::1]:1") && !noted("off"));
        assert!(parse_address("10001").is_err());
    }
}
