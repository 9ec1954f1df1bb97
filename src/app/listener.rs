//! The doors of the process: how it listens, and how many connections it takes at once. More wait in the kernel's queue,
//! so that a crowd at the door never takes the files that the database and the calls to the CRMs need.

use super::ServeError;
use std::net::{SocketAddr, TcpListener};
use tokio::net::TcpSocket;

/// Connections that wait in the kernel's queue to be taken; it is said to be as long as the system allows at most.
const WAITING_MAX: u32 = 4_096;
/// Connections that are taken at once, where the process may open that many files: each costs some 12 KiB.
const CONNECTIONS_MAX: usize = 24_000;
/// Files that are kept for everything else: the database, calls to CRMs, the rules folder, the pages.
const FILES_BESIDE: usize = 256;
/// However few files there are, so many connections are taken.
const CONNECTIONS_MIN: usize = 32;
/// What is taken for the limit of open files where the system doesn't say.
const FILES_UNKNOWN: usize = 1_024;

/// Listens at an address.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // The next start does not wait for the connections of the one before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(WAITING_MAX)?.into_std()
    };
    bind().map_err(|source| ServeError::Listen { address, source })
}

/// How many connections may be open at once.
pub(super) fn connections_max() -> usize {
    connections_for(std::fs::read_to_string("/proc/self/limits").ok().as_deref())
}

/// By the limits of the process as Linux tells them.
fn connections_for(limits: Option<&str>) -> usize {
    let files = limits
        .and_then(|limits| limits.lines().find_map(|line| line.strip_prefix("Max open files")))
        .and_then(|line| match line.split_whitespace().next()? {
            "unlimited" => Some(usize::MAX),
            number => number.parse().ok(),
        });
    let files = files.unwrap_or(FILES_UNKNOWN);
    files.saturating_sub(FILES_BESIDE).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::connections_for;

    #[test]
    fn connections_leave_files_for_everything_else() {
        let limits = |files: &str| {
            format!("Limit  Soft  Hard  Units\nMax open files            {files}   20000   files\n")
        };
        for (files, connections) in
            [("1024", 768), ("20000", 19_744), ("1048576", 24_000), ("unlimited", 24_000), ("64", 32)]
        {
            assert_eq!(connections_for(Some(&limits(files))), connections, "{files}");
        }
        assert_eq!(connections_for(None), 768);
    }
}
