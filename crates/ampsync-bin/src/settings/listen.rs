//! Where the HTTP server listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A port alone is one of every address of the machine: probes and scrapers come from outside of a
/// container. Port 0 is whichever is free, and needs an address, since a bare 0 is meant as "off".
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    const EXPECTED: &str = "a port from 1 to 65535, or an IP address and a port";
    if let Ok(port @ 1..) = text.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    }
    match text.parse() {
        Ok(address) => Ok(address),
        Err(_) if text == "0" => Err(format!("{EXPECTED}; without the setting nothing listens")),
        Err(_) => Err(EXPECTED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_port_alone_is_one_of_every_address() {
        assert_eq!(address("8080").unwrap().to_string(), "0.0.0.0:8080");
    }

    #[test]
    fn an_address_may_be_chosen() {
        for text in ["127.0.0.1:9090", "[::]:8080", "[::1]:65535", "127.0.0.1:0"] {
            assert_eq!(address(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_a_mistake() {
        for text in ["65536", "-1", "http", "localhost:8080", ":8080", "tcp://10.0.0.1:80"] {
            let expected = "a port from 1 to 65535, or an IP address and a port";
            assert_eq!(address(text).unwrap_err(), expected, "{text}");
        }
        assert!(address("0").unwrap_err().contains("without the setting nothing listens"));
    }
}
