//! Who listens on a TCP port of this machine.

use std::io;

/// The users whose sockets take connections to 127.0.0.1 on a port, as the kernel lists them. A port above 1023 is anybody's while nobody has it.
///
/// # Errors
/// If the kernel's list cannot be read.
pub fn owners(port: u16) -> io::Result<Vec<u32>> {
    let mut owners = of(&std::fs::read_to_string("/proc/self/net/tcp")?, port);
    match std::fs::read_to_string("/proc/self/net/tcp6") {
        Ok(list) => owners.extend(of(&list, port)),
        // A kernel without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(owners)
}

/// proc_net_tcp: `sl local_address rem_address st tx:rx tr:when retrnsmt uid ...`; state 0A is listening. A line that cannot be read counts as
/// nobody's, so that it is not mistaken for root's.
fn of(list: &str, port: u16) -> Vec<u32> {
    const HERE: [&str; 4] =
        ["0100007F", "00000000", "00000000000000000000000000000000", "0000000000000000FFFF00000100007F"];
    let owner = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let (address, local) = columns.get(1)?.split_once(':')?;
        let listens = columns.get(3) == Some(&"0A")
            && HERE.contains(&address)
            && u16::from_str_radix(local, 16).is_ok_and(|local| local == port);
        listens.then(|| columns.get(7).and_then(|uid| uid.parse().ok()).unwrap_or(u32::MAX))
    };
    list.lines().skip(1).filter_map(owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_its_makers() {
        let me = crate::sys::identity::uids().effective;
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = std::net::TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert_eq!(owners(port).unwrap(), [me], "{address}");
            drop(listener);
            // A program that another test starts at this moment has a copy until it is another program.
            let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
            while !owners(port).unwrap().is_empty() {
                assert!(std::time::Instant::now() < end, "{address}");
            }
        }
    }

    #[test]
    fn only_sockets_that_listen_here_on_that_port_count() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1004        0 1 1\n\
             1: 0100007F:08AE 0100007F:D431 01 00000000:00000000 00:00000000 00000000     7        0 1 1\n\
             2: 0200A8C0:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     8        0 1 1\n\
             3: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     9        0 1 1\n\
             4: 00000000:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     x\n\
             junk\n";
        assert_eq!(of(list, 2222), [1004, u32::MAX]);
    }
}
